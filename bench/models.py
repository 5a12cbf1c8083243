"""Models: scalar functions of many variables, of which gradients are measured."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.libraries import OURS, Library, Statement
from bench.measure import Case


@dataclass(frozen=True)
class Problem:
    """A scalar function of an array of variables, of a nest of them, and data.

    Attributes
    ----------
    name : str
        What it is.
    variables : int
        How many there are.
    elements : int
        Elements of the largest array that is computed.
    data : callable
        ``data(random)``: the variables, ``w``, as a tuple of arrays, and further arrays by name.
    functions : mapping
        For each contender the function of ``w`` and the further arrays.
    note : str
        What tells it from another one with as many variables.
    """

    name: str
    variables: int
    elements: int
    data: Callable[[np.random.Generator], Mapping[str, Any]]
    functions: Mapping[str, Callable[..., Any]]
    note: str = ""


# In each module a function is written with names of NumPy, from m, as far as the library has them.


def logistic_regression(variables: int) -> Problem:
    """The negative logarithm of the likelihood, with a penalty."""
    samples = 200

    def data(random: np.random.Generator) -> dict[str, Any]:
        x = random.normal(size=(samples, variables)) / variables**0.5
        return {"w": (random.normal(size=variables),), "x": x, "t": (random.random(samples) > 0.5) * 1.0}

    def of(m: Any) -> Callable[..., Any]:
        def f(w: Any, x: Any, t: Any) -> Any:
            z = m.dot(x, w[0])
            return m.sum(m.logaddexp(0.0, z) - t * z) + 0.5 * m.sum(w[0] * w[0])

        return f

    def in_torch(w: Any, x: Any, t: Any) -> Any:
        import torch

        z = x @ w[0]
        return torch.sum(torch.nn.functional.softplus(z) - t * z) + 0.5 * torch.sum(w[0] * w[0])

    return Problem("logistic regression", variables, samples * variables, data, _each(of, in_torch))


def rosenbrock(variables: int) -> Problem:
    """A chain of terms of two variables each."""

    def of(m: Any) -> Callable[..., Any]:
        def f(w: Any) -> Any:
            x = w[0]
            return m.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

        return f

    return Problem(
        "Rosenbrock", variables, variables, lambda random: {"w": (random.normal(size=variables),)}, _each(of, None)
    )


def perceptron(hidden: int) -> Problem:
    """Cross entropy of a classifier with one hidden layer."""
    inputs, classes, samples = 64, 10, 256

    def data(random: np.random.Generator) -> dict[str, Any]:
        w = (
            random.normal(size=(inputs, hidden)) / 8,
            random.normal(size=hidden),
            random.normal(size=(hidden, classes)) / hidden**0.5,
            random.normal(size=classes),
        )
        return {"w": w, "x": random.normal(size=(samples, inputs)), "t": random.integers(0, classes, samples)}

    def of(m: Any) -> Callable[..., Any]:
        cross_entropy = _cross_entropy(m)

        def f(w: Any, x: Any, t: Any) -> Any:
            h = m.tanh(m.dot(x, w[0]) + w[1])
            return m.mean(cross_entropy(m.dot(h, w[2]) + w[3], t))

        return f

    def in_torch(w: Any, x: Any, t: Any) -> Any:
        import torch

        h = torch.tanh(x @ w[0] + w[1])
        return torch.nn.functional.cross_entropy(h @ w[2] + w[3], t)

    variables = (inputs + 1) * hidden + (hidden + 1) * classes
    return Problem("two-layer perceptron", variables, samples * hidden, data, _each(of, in_torch))


def network(channels: int) -> Problem:
    """Cross entropy of a classifier of images: a 3x3 convolution, pooling, a dense layer."""
    samples, rows, classes = 32, 16, 10
    features = channels * (rows // 2) ** 2

    def data(random: np.random.Generator) -> dict[str, Any]:
        w = (
            random.normal(size=(channels, 1, 3, 3)) / 3,
            random.normal(size=channels),
            random.normal(size=(features, classes)) / features**0.5,
        )
        images = random.normal(size=(samples, 1, rows, rows))
        return {"w": w, "x": images, "t": random.integers(0, classes, samples)}

    def of(m: Any) -> Callable[..., Any]:
        cross_entropy, pad, pool = _cross_entropy(m), _pad(m), _pool(m)

        def f(w: Any, x: Any, t: Any) -> Any:
            padded = pad(x)
            parts = [padded[:, 0, i : i + rows, j : j + rows] for i in range(3) for j in range(3)]
            planes = m.tensordot(m.stack(parts, 1), m.reshape(w[0], (channels, 9)), ((1,), (1,)))
            h = m.transpose(m.maximum(planes + w[1], 0.0), (0, 3, 1, 2))
            return m.mean(cross_entropy(m.dot(m.reshape(pool(h), (samples, features)), w[2]), t))

        return f

    def in_torch(w: Any, x: Any, t: Any) -> Any:
        import torch.nn.functional as functional

        h = functional.max_pool2d(functional.relu(functional.conv2d(x, w[0], w[1], padding=1)), 2)
        return functional.cross_entropy(h.reshape(samples, features) @ w[2], t)

    variables = 10 * channels + features * classes
    return Problem("small CNN", variables, samples * channels * rows * rows, data, _each(of, in_torch))


def gaussian_process(points: int) -> Problem:
    """The negative logarithm of the likelihood, by lengths of the axes, amplitude and noise."""
    axes = 8

    def data(random: np.random.Generator) -> dict[str, Any]:
        w = (random.uniform(0.5, 1, size=axes), np.array(0.3), np.array(-1.0))
        return {"w": w, "x": random.normal(size=(points, axes)), "y": random.normal(size=points)}

    def of(m: Any) -> Callable[..., Any]:
        def f(w: Any, x: Any, y: Any) -> Any:
            scaled = x * w[0]
            squares = m.sum(scaled * scaled, 1)
            distances = squares[:, None] + squares[None, :] - 2 * m.dot(scaled, m.transpose(scaled))
            covariance = m.exp(w[1] - 0.5 * distances) + m.exp(w[2]) * m.eye(points)
            solution = m.linalg.solve(covariance, y)
            return 0.5 * m.dot(y, solution) + 0.5 * m.linalg.slogdet(covariance)[1]

        return f

    def in_torch(w: Any, x: Any, y: Any) -> Any:
        import torch

        scaled = x * w[0]
        squares = torch.sum(scaled * scaled, 1)
        distances = squares[:, None] + squares[None, :] - 2 * scaled @ scaled.T
        covariance = torch.exp(w[1] - 0.5 * distances) + torch.exp(w[2]) * torch.eye(points, dtype=x.dtype)
        return 0.5 * y @ torch.linalg.solve(covariance, y) + 0.5 * torch.linalg.slogdet(covariance)[1]

    note = f" ({points} points)"
    return Problem("Gaussian process", axes + 2, points * points, data, _each(of, in_torch), note)


def hidden_markov(states: int) -> Problem:
    """The negative logarithm of the likelihood of a hundred observations, by the forward algorithm."""
    symbols, steps = 20, 100

    def data(random: np.random.Generator) -> dict[str, Any]:
        w = (random.normal(size=(states, states)), random.normal(size=(states, symbols)))
        return {"w": w, "t": random.integers(0, symbols, steps)}

    def of(m: Any) -> Callable[..., Any]:
        logsumexp = _logsumexp(m)

        def f(w: Any, t: Any) -> Any:
            moves = w[0] - logsumexp(w[0], 1)[:, None]
            emissions = m.transpose(w[1] - logsumexp(w[1], 1)[:, None])
            alpha = emissions[t[0]]
            for step in range(1, steps):
                alpha = logsumexp(alpha[:, None] + moves, 0) + emissions[t[step]]
            return -logsumexp(alpha, 0)

        return f

    def in_torch(w: Any, t: Any) -> Any:
        import torch

        moves = torch.log_softmax(w[0], 1)
        emissions = torch.log_softmax(w[1], 1).T
        alpha = emissions[t[0]]
        for step in range(1, steps):
            alpha = torch.logsumexp(alpha[:, None] + moves, 0) + emissions[t[step]]
        return -torch.logsumexp(alpha, 0)

    return Problem("HMM, 100 steps", states * (states + symbols), states * states, data, _each(of, in_torch))


def oscillators(variables: int) -> Problem:
    """A hundred leapfrog steps of a chain of oscillators, by their spring constants."""
    steps = 100

    def data(random: np.random.Generator) -> dict[str, Any]:
        return {"w": (random.uniform(0.5, 1.5, size=variables),), "x": random.normal(size=variables)}

    def of(m: Any) -> Callable[..., Any]:
        scan = _scan(m)

        def f(w: Any, x: Any) -> Any:
            def step(carry: Any, _: Any) -> Any:
                position, velocity = carry
                velocity = velocity - 0.05 * w[0] * m.sin(position)
                return (position + 0.05 * velocity, velocity), None

            position, velocity = scan(step, (x, m.zeros_like(x)), steps)
            return m.sum(position * position + velocity * velocity)

        return f

    def in_torch(w: Any, x: Any) -> Any:
        import torch

        position, velocity = x, torch.zeros_like(x)
        for _ in range(steps):
            velocity = velocity - 0.05 * w[0] * torch.sin(position)
            position = position + 0.05 * velocity
        return torch.sum(position * position + velocity * velocity)

    return Problem("ODE, 100 steps", variables, variables, data, _each(of, in_torch))


# What the libraries have under other names, or not at all.


def _each(of: Callable[[Any], Any], in_torch: Callable[..., Any] | None) -> dict[str, Callable[..., Any]]:
    functions: dict[str, Callable[..., Any]] = {OURS: of(np)}
    if importlib.util.find_spec("autograd"):
        import autograd.numpy

        functions["autograd"] = of(autograd.numpy)
    if importlib.util.find_spec("jax"):
        import jax.numpy

        functions["jax"] = of(jax.numpy)
    if importlib.util.find_spec("torch"):
        import torch

        functions["torch"] = in_torch or of(torch)
    return functions


def _library(m: Any) -> str:
    return OURS if m is np else str(m.__name__.partition(".")[0])


def _logsumexp(m: Any) -> Callable[..., Any]:
    if m is np:
        import numbafunc

        return numbafunc.logsumexp
    if _library(m) == "jax":
        import jax

        return jax.nn.logsumexp  # type: ignore[no-any-return]
    import autograd.scipy.special

    return autograd.scipy.special.logsumexp  # type: ignore[no-any-return]


def _cross_entropy(m: Any) -> Callable[..., Any]:
    if m is np:
        import numbafunc

        return numbafunc.loss.cross_entropy_logits_sparse
    logsumexp = _logsumexp(m)
    return lambda logits, labels: logsumexp(logits, 1) - logits[m.arange(len(labels)), labels]


def _pad(m: Any) -> Callable[..., Any]:
    widths = ((0, 0), (0, 0), (1, 1), (1, 1))
    if m is np:
        import numbafunc

        return lambda x: numbafunc.pad(x, widths)
    return lambda x: m.pad(x, widths, "constant")


def _pool(m: Any) -> Callable[..., Any]:
    if m is np:
        import numbafunc

        return lambda x: numbafunc.max_pool_2d(x, 2)
    if _library(m) == "jax":
        import jax

        window = (1, 1, 2, 2)
        return lambda x: jax.lax.reduce_window(x, -math.inf, jax.lax.max, window, window, "VALID")
    return lambda x: m.max(m.reshape(x, (*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2)), (3, 5))


def _scan(m: Any) -> Callable[..., Any]:
    if m is np:
        import numbafunc

        return lambda step, carry, steps: numbafunc.scan(step, carry, None, steps)[0]
    if _library(m) == "jax":
        import jax

        return lambda step, carry, steps: jax.lax.scan(step, carry, None, steps)[0]

    def loop(step: Any, carry: Any, steps: int) -> Any:
        for _ in range(steps):
            carry, _ = step(carry, None)
        return carry

    return loop


def problems() -> tuple[Problem, ...]:
    """All that is measured."""
    return (
        *(logistic_regression(n) for n in (10, 1000, 10**4, 10**5)),
        *(rosenbrock(n) for n in (10, 1000, 10**4, 10**5)),
        *(perceptron(hidden) for hidden in (1, 13, 133, 1333)),
        *(network(channels) for channels in (2, 16)),
        *(gaussian_process(points) for points in (50, 300)),
        *(hidden_markov(states) for states in (5, 100)),
        *(oscillators(n) for n in (10, 1000, 10**5)),
    )


def batches(libraries: Mapping[str, Library], largest: float = math.inf) -> list[list[Case]]:
    """Value and gradient of each model with at most so many variables, those of a model side by side."""
    return [cases(problem, libraries) for problem in problems() if problem.variables <= largest]


def cases(problem: Problem, libraries: Mapping[str, Library]) -> list[Case]:
    """The value by us alone, which gradients are compared with, and the gradient by all."""
    arrays = list(problem.data(np.random.default_rng(0)))
    others = ", ".join(arrays[1:])
    calls = {
        OURS: Statement(f"g({', '.join(arrays)})", "g = value_and_grad(f, mode='reverse')"),
        "autograd": Statement(f"g({', '.join(arrays)})", "g = value_and_grad(f)"),
        "torch": Statement(
            f"value = f(z, {others})\ngrad(value, z)", "z = tuple(part.detach().requires_grad_() for part in w)"
        ),
        "jax": Statement(f"wait(g({', '.join(arrays)}))", "g = jitted(value_and_grad(f))"),
    }
    names = {name: {"f": function} for name, function in problem.functions.items() if name in libraries}
    size = f"{problem.variables}{problem.note}"

    def case(statements: Mapping[str, Statement], what: str) -> Case:
        return Case(problem.name, size, problem.elements, problem.data, statements, what, "float64", names)

    return [
        case({OURS: Statement(f"f({', '.join(arrays)})")}, "value"),
        case({name: calls[name] for name in names}, "gradient"),
    ]
