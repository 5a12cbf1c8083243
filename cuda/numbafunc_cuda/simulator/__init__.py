"""Counterparts of device code for Numba's simulator, where kernels are plain Python."""
