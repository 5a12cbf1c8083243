"""Ops inside the user's own ``@numba.njit`` functions: what a call becomes there, given the types of its arguments."""
