"""The ops of the elementwise kind as the test modules see them: one entry for each name in the registry."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from chosen_backend import numbafunc

import numbafunc.divergence
import numbafunc.loss  # the registry holds the ops of modules that have been loaded
import numbafunc.ops.activation
import numbafunc.ops.activation_piecewise
import numbafunc.ops.one_hot
from numbafunc.kinds import elementwise


@dataclass(frozen=True)
class Entry:
    """An op with what its operands may be.

    ``domains`` names the numbers that each operand is tested on; ``boolean`` and ``integers`` tell whether bool is
    accepted and whether integers stay what they are, ``smooth`` whether there is a derivative to speak of.
    """

    function: Any
    domains: tuple[str, ...] = ("real",)
    boolean: bool = True
    integers: bool = False
    smooth: bool = True


TABLE = {
    "celu": Entry(numbafunc.celu, ("real", "scale")),
    "elu": Entry(numbafunc.elu, ("real", "scale")),
    "gelu": Entry(numbafunc.gelu),
    "gelu_tanh": Entry(lambda x, **options: numbafunc.gelu(x, approximate=True, **options)),
    "hard_swish": Entry(numbafunc.hard_swish),
    "leaky_relu": Entry(numbafunc.leaky_relu, ("real", "slope"), integers=True),
    # kl uses it where a matrix product follows.
    "log_ratio": Entry(elementwise.REGISTRY["log_ratio"], ("share", "share", "small")),
    "log_sigmoid": Entry(numbafunc.log_sigmoid, boolean=False),
    "mish": Entry(numbafunc.mish),
    "one_hot": Entry(elementwise.REGISTRY["one_hot"], ("whole", "whole"), integers=True, smooth=False),
    "relu": Entry(numbafunc.relu, integers=True),
    "rsqrt": Entry(numbafunc.rsqrt, ("positive",)),
    "selu": Entry(numbafunc.selu),
    "sigmoid": Entry(numbafunc.sigmoid),
    "sigmoid_cross_entropy_logits": Entry(
        numbafunc.loss.sigmoid_cross_entropy_logits, ("real", "share"), boolean=False
    ),
    "softplus": Entry(numbafunc.softplus),
    "softplus_scaled": Entry(lambda x, beta, **options: numbafunc.softplus(x, beta=beta, **options), ("real", "scale")),
    "swish": Entry(numbafunc.swish),
    "tanh": Entry(numbafunc.tanh),
}

NAMES = sorted(TABLE)
SMOOTH = [name for name in NAMES if TABLE[name].smooth]


def sample(domain, size, seed=0):
    """Numbers of a domain as float64; real and positive ones cover the range where functions change shape."""
    random = np.random.default_rng(seed)
    if domain == "real":
        return random.normal(0, 3, size)
    if domain == "positive":
        return np.exp(random.normal(0, 2, size))
    if domain == "scale":
        return random.uniform(0.25, 2.5, size)
    if domain == "slope":
        return random.uniform(-0.5, 1.5, size)
    if domain == "share":
        return random.uniform(0.05, 0.95, size)
    if domain == "small":
        return random.uniform(1e-3, 1e-2, size)
    if domain == "whole":
        return np.floor(random.uniform(-2, 3, size))
    raise KeyError(domain)


def operands(name, shape, dtype, seed=0):
    """Operands of an op, all of one shape."""
    size = int(np.prod(shape))
    return [
        sample(domain, size, seed + position).reshape(shape).astype(dtype)
        for position, domain in enumerate(TABLE[name].domains)
    ]
