"""A user's program, from which type checkers read what the stubs say; `test_types.py` runs it too, and looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import numbafunc as nf
from numbafunc.scipy import linalg, special

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Floating = NDArray[np.floating[Any]]

array: Array = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
array32: Array32 = array.astype(np.float32)
vector: Vector = np.ones(3)
whole: NDArray[np.int64] = np.arange(3, dtype=np.int64)
images: Array32 = np.ones((1, 4, 4, 4), np.float32)
anything: Any = array

# Arrays and numbers.
assert_type(nf.sigmoid(array), Array)
assert_type(nf.sigmoid(array32), Array32)
assert_type(nf.sigmoid(vector), Vector)
assert_type(nf.sigmoid(0.5), Array)
assert_type(nf.sigmoid(np.float32(0.5)), Floating)
assert_type(nf.sigmoid(whole), Array)
assert_type(nf.sigmoid([[0.5, 1], [2, 3]]), Array)
assert_type(nf.sigmoid([array32, array32]), Floating)
assert_type(nf.sigmoid(anything), Any)
assert_type(nf.gelu(array32, approximate=True), Array32)
assert_type(nf.softplus(array32, beta=2.0), Array32)
assert_type(nf.celu([1.0], [0.5, 1.0]), Array)
assert_type(nf.relu(whole), NDArray[np.int64])
assert_type(nf.leaky_relu(array32, 0.1), Array32)
assert_type(nf.softmax(array32, axis=(0, 1)), Array32)
assert_type(nf.log_softmax(whole, where=[True, False, True]), Array)
assert_type(nf.logsumexp(array32, keepdims=True), Array32)
assert_type(nf.logsumexp(array, return_sign=True), tuple[Any, Any])
assert_type(nf.one_hot(whole, 3), Array)
assert_type(nf.one_hot(whole, 3, dtype=np.float32), Array32)
assert_type(nf.top_k(array32, 2).values, Array32)
assert_type(nf.top_k(array32, 2)[1], NDArray[np.int32])
assert_type(nf.flatten(whole.reshape(3, 1)), NDArray[np.int64])
assert_type(nf.pad(array32, ((0, 1), (2, 2)), "reflect"), Array32)
assert_type(nf.dynamic_slice(whole, (1,), (2,)), NDArray[np.int64])
assert_type(nf.average_pool_2d(images, 2, padding=nf.ConvPadding.SAME), Array32)
assert_type(nf.max_pool_2d(images, (2, 2)), Array32)
assert_type(nf.max_pool_2d(images, return_indices=True), tuple[Array32, NDArray[np.int64]])
assert_type(nf.interpolate(images, size=8, mode="nearest"), Array32)
assert_type(nf.upsample_2d(images, (2, 1.5), nf.Interpolate.LINEAR), Array32)
assert_type(nf.loss.cross_entropy_logits_sparse(array32, [0, 1]), Array32)
assert_type(nf.loss.mean_squared_error(array32, array32), Array32)
assert_type(nf.loss.l2(array32), Array32)
assert_type(nf.divergence.kl([0.5, 0.5], [0.4, 0.6]), Array)
assert_type(nf.stop_gradient({"a": 1.0}), dict[str, float])
assert_type(nf.parallel.psum((array, array32)), tuple[Array, Array32])
assert_type(nf.parallel.pmean(whole), Floating)
assert_type(nf.parallel.axis_index(), int)


# SciPy's names.
spd: Array = np.array([[4.0, 1.0], [1.0, 3.0]])
spd32: Array32 = spd.astype(np.float32)
right: Array = np.ones(2)
assert_type(linalg.block_diag(spd32, spd32), Array32)
assert_type(linalg.cho_factor(spd32), tuple[Array32, bool])
assert_type(linalg.cho_solve(linalg.cho_factor(spd), right), Array)
assert_type(linalg.cholesky(spd32, lower=True), Array32)
assert_type(linalg.det(spd), Any)
assert_type(linalg.eig(spd), tuple[NDArray[np.complexfloating[Any, Any]], NDArray[np.inexact[Any]]])
assert_type(linalg.eigh(spd32), tuple[Array32, Array32])
assert_type(linalg.eigh(spd32, spd32, eigvals_only=True), Array32)
assert_type(linalg.eigvalsh(spd), Array)
assert_type(linalg.expm(spd32), Array32)
assert_type(linalg.expm([[0.0, 1.0], [0.0, 0.0]]), NDArray[np.inexact[Any]])
assert_type(linalg.inv(spd32), Array32)
assert_type(linalg.lstsq(spd, right), tuple[Array, Array, Any, Array | None])
assert_type(linalg.lu(spd32), tuple[NDArray[Any], Array32, Array32])
assert_type(linalg.lu(spd32, permute_l=True), tuple[Array32, Array32])
assert_type(linalg.lu_factor(spd32), tuple[Array32, NDArray[np.int32]])
assert_type(linalg.lu_solve(linalg.lu_factor(spd), right), Array)
assert_type(linalg.norm(spd32), np.floating[Any])
assert_type(linalg.norm(spd, axis=0), Any)
assert_type(linalg.pinv(spd32), Array32)
assert_type(linalg.pinv(spd, return_rank=True), tuple[Array, Any])
assert_type(linalg.qr(spd32, mode="economic"), tuple[Array32, Array32])
assert_type(linalg.qr(spd32, mode="r"), tuple[Any, ...])
assert_type(linalg.solve(spd, right, assume_a="pos"), Array)
assert_type(linalg.solve(spd, [1, 2]), Any)
assert_type(linalg.solve_continuous_are(spd, spd, spd, spd), Array)
assert_type(linalg.solve_sylvester(spd, spd, spd), Array)
assert_type(linalg.solve_triangular(spd32, spd32, lower=True), Array32)
assert_type(linalg.sqrtm(spd), Any)
assert_type(linalg.svd(spd32), tuple[Array32, Array32, Array32])
assert_type(linalg.svd(spd, compute_uv=False), Array)
assert_type(linalg.toeplitz(whole), NDArray[np.int64])
assert_type(linalg.hadamard(2), Any)
assert_type(special.softmax(array32, axis=0), Array32)
assert_type(special.log_softmax(whole), Array)
assert_type(special.logsumexp(array), Any)
assert_type(special.logsumexp(array, return_sign=True), tuple[Any, Any])
assert_type(special.polygamma(1, array), Array)
assert_type(special.expit(array), Any)


# Functions that take derivatives keep the parameters of what they are given.
@dataclass
class Layer:
    weights: Array


class Pair(NamedTuple):
    a: Array
    b: Array32


def total(x: Array, scale: float = 1.0, *, power: int = 2) -> np.floating[Any]:
    return np.sum(scale * x**power)


def cubed(x: float) -> float:
    return x * x * x


def of_layer(layer: Layer) -> np.floating[Any]:
    return np.sum(layer.weights * layer.weights)


def of_pair(pair: Pair) -> Any:
    return np.sum(pair.a) * np.sum(pair.b)


def of_dict(parameters: dict[str, Array]) -> Array:
    return parameters["w"] * parameters["b"]


def with_aux(x: Array) -> tuple[np.floating[Any], str]:
    return np.sum(x), "aux"


def scaled(x: Array, factor: float = 2.0) -> Array:
    return x * factor


pair = Pair(array, array32)
parameters = {"w": array, "b": array}
value = np.floating[Any]

assert_type(nf.grad(total)(array, 2.0, power=3), Array)
assert_type(nf.grad(total, 1)(array, 2.0), Any)
assert_type(nf.grad(total, argnums=(0, 1))(array, 2.0), tuple[Any, ...])
assert_type(nf.grad(cubed)(2.0), float)
slope_of_cube = nf.grad(cubed)
assert_type(nf.grad(slope_of_cube)(2.0), float)
assert_type(nf.grad(of_layer)(Layer(array)), Layer)
assert_type(nf.grad(of_pair)(pair), Pair)
assert_type(nf.grad(with_aux, has_aux=True)(array), tuple[Array, str])
assert_type(nf.grad(lambda x: np.sum(x**3))(array), Any)
assert_type(nf.value_and_grad(total, mode="forward")(array), tuple[value, Array])
assert_type(nf.value_and_grad(with_aux, has_aux=True)(array), tuple[tuple[value, str], Array])
assert_type(nf.jacfwd(scaled)(array, factor=3.0), Array)
assert_type(nf.jacrev(scaled)(array, 3.0), Array)
assert_type(nf.jacrev(of_dict)(parameters), Any)
assert_type(nf.jacfwd(lambda p: p["w"])(parameters), Any)
assert_type(nf.hessian(total)(array, 0.5), Array)
assert_type(nf.hessian(lambda p: np.sum(p["w"]))(parameters), Any)
assert_type(nf.derivative(cubed, 2)(1.5), float)
assert_type(nf.jvp(scaled, (array,), (array,)), tuple[Array, Array])
assert_type(nf.jvp(with_aux, (array,), (array,), has_aux=True), tuple[value, value, str])
assert_type(nf.hvp(total, (array,), (array,)), Array)
assert_type(nf.vjp(scaled, array), tuple[Array, Callable[[Array], tuple[Array]]])
assert_type(nf.vjp(scaled, array, 2.0), tuple[Array, Callable[[Array], tuple[Array, float]]])
assert_type(nf.linearize(scaled, array), tuple[Array, Callable[[Array], Array]])
assert_type(nf.checkpoint(scaled)(array, factor=2.0), Array)


@nf.grad
def slope(x: float, exponent: int) -> float:
    return x**exponent


assert_type(slope(2.0, exponent=3), float)


@nf.custom_derivative
def root(x: Array) -> Array:
    return np.sqrt(x)


@root.defjvp
def root_rule(primals: Any, tangents: Any) -> Any:
    return root(primals[0]), tangents[0] * 0.5 / root(primals[0])


assert_type(root(np.abs(array)), Array)


# Loops have the types of what their steps return.
def step(carry: Array, x: Any) -> tuple[Array, Any]:
    return carry + x, x


def halved(x: Array) -> Array:
    return x / 2


def decay(y: Any, t: float) -> Any:
    return -y


def falling(y: dict[str, Any], t: float) -> dict[str, Any]:
    return {"y": -y["y"]}


assert_type(nf.scan(step, np.zeros(3), array), tuple[Array, Any])
assert_type(nf.while_loop(lambda x: np.max(x) > 0.1, halved, array), Array)
assert_type(nf.odeint(decay, vector, [0.0, 1.0]), Array)
assert_type(nf.odeint(decay, 1.0, [0.0, 1.0]), Array)

assert_type(nf.odeint(falling, {"y": 1.0}, [0.0, 1.0]), dict[str, float])

# Dual arrays.
dual = nf.Dual(array, array[None], 1)
assert_type(nf.sigmoid(dual), nf.Dual)
assert_type(nf.celu(array, dual), nf.Dual)
assert_type(nf.loss.l2(dual), nf.Dual)
assert_type(special.softmax(dual), nf.Dual)
assert_type(linalg.inv(nf.Dual(spd, spd[None], 1)), nf.Dual)
assert_type(linalg.solve(nf.Dual(spd, spd[None], 1), right), nf.Dual)
assert_type(linalg.det(nf.Dual(spd, spd[None], 1)), nf.Dual)
