"""Arrays of other libraries that meet dual arrays. No such library is imported here.

Most are data, whose elements are constants: pandas and Dask leave operators to dual arrays. Those of xarray hold arrays
of any type that answers NumPy's protocols, dual arrays too: these do the work, and keep their labels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

PANDAS_PRIORITY = 5000
"""Higher than that of all types of pandas, whose operators then leave the work to the other operand."""


@lru_cache(256)
def _holds_arrays(kind: type) -> bool:
    return any(base.__module__.partition(".")[0] == "xarray" for base in kind.__mro__)


def holds_arrays(x: Any) -> bool:
    """Whether something holds arrays of any type and answers NumPy's protocols by theirs, as objects of xarray do."""
    kind: Any = type(x)
    return _holds_arrays(kind)


def held(x: Any) -> Any:
    """The array in a labelled one, in which a dual array may be; anything else as it is."""
    return x.data if holds_arrays(x) and hasattr(x, "data") else x


def as_mask(x: Any) -> Any:
    """A mask for functions of NumPy, some of which never end where it is one of pandas."""
    return x if isinstance(x, (bool, np.ndarray, np.generic)) else np.asarray(x)
