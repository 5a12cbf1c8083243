"""Simulation of what device code is made of, for kernels that run as plain Python."""
