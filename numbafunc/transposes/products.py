"""Transposes of products of matrices and tensors with constants, and of the solution of linear systems."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy

from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.recorder import At, Primitive, Recorder, not_linear
from numbafunc.limits import broadcast_shapes
from numbafunc.transposes.arithmetic import common_dtype, joined_shape, multiply
from numbafunc.transposes.register import records

# The annotations of NumPy's functions don't allow for recorders.
np: Any = numpy


def _turned(x: Any) -> Any:
    return x.swapaxes(-1, -2)


def sum_of_products(apply: Callable[..., Any], cotangent: Any, *factors: Any) -> Any:
    """``apply(cotangent, *factors)``, linear in each; a factor of zero passes nothing on of an infinite cotangent."""
    total = apply(cotangent, *factors)
    if type(total) is not np.ndarray or total.dtype.kind != "f" or is_finite(total):
        return total
    finite = np.isfinite(cotangent)
    if finite.all() or not all(np.isfinite(factor).all() for factor in factors):
        return total
    # What is infinite is replaced by its sign, and then by 1: sums of these tell how many products go which way.
    infinite, dtype = np.isinf(cotangent), total.dtype
    signs = [np.sign(factor.astype(dtype) if factor.dtype == bool else factor) for factor in factors]
    sizes = [abs(sign) for sign in signs]
    surplus = apply(np.where(infinite, np.sign(cotangent), 0), *signs)
    count = apply(infinite.astype(dtype), *sizes)
    unknown = apply(np.isnan(cotangent).astype(dtype), *sizes) > 0
    upwards, downwards = count + surplus > 0, count - surplus > 0
    total = np.where(upwards, np.inf, apply(np.where(finite, cotangent, 0), *factors))
    return np.where(unknown | (upwards & downwards), np.nan, np.where(downwards, -np.inf, total)).astype(dtype)


def _product_transpose(cotangent: Any, place: int, x: Any, y: Any) -> Any:
    if place == 0:
        return sum_of_products(_to_left if x.ndim > 1 else _to_row, cotangent, y)
    return sum_of_products(_to_right if y.ndim > 1 else _to_column, cotangent, x)


def _to_left(cotangent: Any, y: Any) -> Any:
    return cotangent[..., np.newaxis] * y if y.ndim == 1 else np.matmul(cotangent, _turned(y))


def _to_row(cotangent: Any, y: Any) -> Any:
    if y.ndim == 1:
        return cotangent[..., np.newaxis] * y
    return np.matmul(cotangent[..., np.newaxis, :], _turned(y))[..., 0, :]


def _to_right(cotangent: Any, x: Any) -> Any:
    return x[:, np.newaxis] * cotangent[..., np.newaxis, :] if x.ndim == 1 else np.matmul(_turned(x), cotangent)


def _to_column(cotangent: Any, x: Any) -> Any:
    return cotangent * x if x.ndim == 1 else np.matmul(_turned(x), cotangent[..., np.newaxis])[..., 0]


PRODUCT = Primitive("matmul", np.matmul, _product_transpose)


@records(np.matmul, np.dot)
def matmul(x: Any, y: Any) -> Recorder:
    """The product of matrices or vectors, one of which is constant."""
    if type(x) is Recorder and type(y) is Recorder:
        raise not_linear("a product of two tangents")
    x = x if hasattr(x, "shape") else np.asarray(x)
    y = y if hasattr(y, "shape") else np.asarray(y)
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(f"matmul of shapes {x.shape} and {y.shape}, whose inner lengths differ")
    rows = x.shape[:-2] if x.ndim > 1 else ()
    others = y.shape[:-2] if y.ndim > 1 else ()
    loops = rows or others if not rows or not others or rows == others else joined_shape(rows, others)
    shape = (*loops, *x.shape[-2:-1], *(y.shape[-1:] if y.ndim > 1 else ()))
    recorder, other = (x, y) if type(x) is Recorder else (y, x)
    return PRODUCT.record(shape, common_dtype(recorder, other), x, y)


def _conjugate(x: Any) -> Any:
    return np.conjugate(x) if x.dtype.kind == "c" else x


def _vecdot(x: Any, y: Any) -> Any:
    return np.sum(multiply(_conjugate(x), y), axis=-1)


def _matvec(x: Any, y: Any) -> Any:
    return matmul(x, y[..., np.newaxis])[..., 0]


def _vecmat(x: Any, y: Any) -> Any:
    return matmul(_conjugate(x)[..., np.newaxis, :], y)[..., 0, :]


for _name, _step in (("vecdot", _vecdot), ("matvec", _matvec), ("vecmat", _vecmat)):
    # NumPy 2.0 has vecdot; 2.2 added the others.
    if hasattr(np, _name):
        records(getattr(np, _name))(_step)


# Einsum.


def _einsum_transpose(cotangent: Any, place: int, inputs: list[str], result: str, *operands: Any) -> Any:
    place -= 2
    own, node = inputs[place], operands[place]
    others = [*inputs[:place], *inputs[place + 1 :]]
    known = set(result).union(*others)
    distinct = "".join(dict.fromkeys(own))
    kept = "".join(label for label in distinct if label in known)
    factors = [*operands[:place], *operands[place + 1 :]]
    text = f"{','.join([result, *others])}->{kept}"
    value = sum_of_products(lambda *all: np.einsum(text, *all, optimize=bool(factors)), cotangent, *factors)
    lengths = dict(zip(own, node.shape, strict=True))
    # A label of no other operand and not of the result was summed over.
    value = value.reshape([lengths[label] if label in known else 1 for label in distinct])
    if len(distinct) == len(own):
        return np.broadcast_to(value, node.shape)
    positions = np.einsum(f"{own}->{distinct}", np.arange(node.size).reshape(node.shape))
    return At(positions, np.broadcast_to(value, positions.shape), flat=True)


def _einsum_apply(inputs: list[str], result: str, *operands: Any) -> Any:
    return np.einsum(f"{','.join(inputs)}->{result}", *operands)


EINSUM = Primitive("einsum", _einsum_apply, _einsum_transpose)


@records(np.einsum)
def _einsum(text: str, *operands: Any, optimize: Any = False) -> Recorder:
    inputs, _, result = text.partition("->")
    free = [label for label in string.ascii_letters if label not in text]
    most = 0
    spelled = []
    for labels, operand in zip(inputs.split(","), operands, strict=True):
        more = operand.ndim - len(labels.replace("...", ""))
        most = max(most, more)
        spelled.append(labels.replace("...", "".join(free[:more][::-1]) if "..." in labels else ""))
    result = result.replace("...", "".join(free[:most][::-1]))
    lengths: dict[str, int] = {}
    for labels, operand in zip(spelled, operands, strict=True):
        for label, length in zip(labels, operand.shape, strict=True):
            lengths[label] = max(length, lengths.get(label, 1)) if length != 0 else 0
    whole = []
    for labels, operand in zip(spelled, operands, strict=True):
        # An axis of length 1 is repeated as by broadcasting, which einsum itself undoes only for results.
        shape = tuple(lengths[label] for label in labels)
        whole.append(operand if operand.shape == shape else np.broadcast_to(operand, shape))
    dtype = np.result_type(*(operand.dtype for operand in operands))
    return EINSUM.record(tuple(lengths[label] for label in result), dtype, spelled, result, *whole)


# Linear systems.


SOLVED = Primitive("solve", np.linalg.solve, lambda cotangent, place, a, b: np.linalg.solve(_turned(a), cotangent))


@records(np.linalg.solve)
def _solve(a: Any, b: Any) -> Recorder:
    if type(a) is Recorder:
        raise not_linear("numpy.linalg.solve with a tangent as its matrix")
    if b.ndim == 1:
        return _solve(a, b[:, np.newaxis])[..., 0]
    shape = (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])
    return SOLVED.record(shape, common_dtype(b, a), a, b)
