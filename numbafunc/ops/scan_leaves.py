"""The leaves of what a loop carries, goes along and returns: which there may be, and the dtypes they take."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend
from numbafunc.dual.array import Dual
from numbafunc.dual.dtypes import NUMBERS, is_float, is_long, long_words
from numbafunc.dual.trees import Structure, flatten, flatten_with_names
from numbafunc.kinds.arguments import is_array

OF_NUMPY = (np.ndarray, np.generic)


def is_numeric(leaf: Any) -> bool:
    """Whether a leaf is an array or a number that a loop can carry."""
    if isinstance(leaf, (Dual, bool, float, complex)):
        return True
    if isinstance(leaf, int):
        return -(2**63) <= leaf < 2**63
    if isinstance(leaf, OF_NUMPY):
        numbers = leaf.dtype.char in NUMBERS or leaf.dtype.name == "bfloat16"
        return numbers and not isinstance(leaf, np.ma.MaskedArray)
    return is_array(leaf)


def refuse(tree: Any, argument: str) -> TypeError:
    """The error for the first leaf of a nest that is neither an array nor a number."""
    leaves, names, _ = flatten_with_names(tree)
    leaf, name = next((leaf, name) for leaf, name in zip(leaves, names) if not is_numeric(leaf))
    if isinstance(leaf, OF_NUMPY) and is_long(leaf.dtype):
        return TypeError(long_words(leaf.dtype, f"{argument}{name}"))
    what = f"an array of dtype {leaf.dtype}" if isinstance(leaf, np.ndarray) else f"a {type(leaf).__name__}"
    if isinstance(leaf, int):
        what = f"{leaf}, which no integer of 64 bits holds"
    if isinstance(leaf, np.ma.MaskedArray):
        what = "a masked array, whose mask would be lost"
    return TypeError(f"{argument}{name} is {what}; wanted: arrays, numbers and nests of them")


def leaves_of(tree: Any, argument: str) -> tuple[list[Any], Structure]:
    """The leaves of a nest, all of them arrays or numbers, as steps get them."""
    leaves, structure = flatten(tree)
    if not all(map(is_numeric, leaves)):
        raise refuse(tree, argument)
    return backend.of(*leaves).scan_leaves(leaves, argument), structure


def own(leaf: Any) -> Any:
    """A copy of a leaf, which steps may change."""
    return backend.of(leaf).scan_own(leaf, False)


@CPU.brings(Backend.scan_leaves)
def _as_they_are(leaves: list[Any], name: str) -> list[Any]:
    return leaves


@CPU.brings(Backend.scan_own)
def _own_in_main_memory(leaf: Any, shared: bool) -> Any:
    """An array in native byte order; the caller's own array where its elements are only read."""
    if type(leaf) is Dual:  # one without axes is a number, unless it is a view
        return leaf if shared or (leaf.ndim == 0 and leaf.family is None) else leaf.copy()
    if not isinstance(leaf, np.ndarray):
        return leaf
    native = leaf.dtype.newbyteorder("=")
    return np.asarray(leaf, native) if shared else np.array(leaf, native)


def start_of(init: Any, argument: str) -> tuple[list[Any], Structure]:
    """The leaves of the first carry; arrays are copied, so that steps that work in place don't change the caller's."""
    leaves, structure = leaves_of(init, argument)
    return [own(leaf) for leaf in leaves], structure


def is_weak(leaf: Any) -> bool:
    """Whether a leaf is a Python number, which takes the dtype of the arrays it is combined with."""
    return type(leaf) in _WEAK


_WEAK = (int, float, complex)
"""Types of Python numbers, each of which holds those of the ones before."""


def describe(leaf: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a leaf."""
    if is_array(leaf):
        return leaf.shape, leaf.dtype
    return (), np.asarray(leaf).dtype


def fitted(given: Any, leaf: Any, new: Any, widen: bool) -> Any:
    """A leaf of the first carry as a step returns it: numbers in its dtype and memory; itself if it is so already."""
    number = leaf
    if is_weak(given):
        if is_weak(new):
            if is_weak(leaf) and _WEAK.index(type(new)) > _WEAK.index(type(leaf)):
                number = type(new)(leaf)
        else:
            dtype = describe(new)[1]
            if not is_weak(leaf) and widen:
                dtype = np.result_type(leaf.dtype, dtype)
            typed = in_dtype(given, dtype)
            number = typed if is_weak(leaf) or typed.dtype != leaf.dtype else leaf
    if describe(number)[0] != () or is_weak(number) or backend.of(number) is backend.of(new):
        return number
    return backend.of(new).scan_number(number, describe(number)[1], new)


@CPU.brings(Backend.scan_number)
def _number(number: Any, dtype: np.dtype[Any], like: Any) -> Any:
    return number


def in_dtype(number: Any, dtype: np.dtype[Any]) -> Any:
    """A Python number in the dtype that it takes in a step."""
    wanted = dtype if is_float(dtype) and type(number) is not complex else np.result_type(number, dtype)
    try:
        return np.asarray(number, wanted)[()]
    except OverflowError:
        raise TypeError(f"init has {number!r}, which f makes {wanted}; wanted: a number that fits") from None


def words(described: tuple[tuple[int, ...], np.dtype[Any]]) -> str:
    """Shape and dtype of a leaf, as messages tell them."""
    return f"of shape {described[0]} and dtype {described[1]}"
