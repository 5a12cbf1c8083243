"""Transposes of the linear functions that rules apply to tangents. The import fills the table of recorders."""

from numbafunc.transposes import (  # noqa: F401
    arithmetic,
    convolution,
    fourier,
    indexing,
    products,
    shape,
    sums,
)
