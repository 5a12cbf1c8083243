"""What is seen at the prompt: signatures as NumPy shows them; the name that was meant by one that isn't there."""

from __future__ import annotations

from collections.abc import Iterable
from types import FunctionType
from typing import Any

# Names of JAX, PyTorch, autograd and MPI for what has a name here that is not like them.
_ELSEWHERE = {
    "all_reduce": "parallel.psum",
    "allgather": "parallel.all_gather",
    "allreduce": "parallel.psum",
    "bce": "loss.sigmoid_cross_entropy_logits",
    "bcast": "parallel.broadcast",
    "binary_cross_entropy_with_logits": "loss.sigmoid_cross_entropy_logits",
    "cross_entropy": "loss.cross_entropy_logits_sparse",
    "custom_gradient": "custom_derivative",
    "custom_jvp": "custom_derivative",
    "custom_vjp": "custom_derivative",
    "detach": "stop_gradient",
    "elementwise_grad": "jvp",
    "fori_loop": "scan",
    "jacobian": "jacrev",
    "kl_div": "divergence.kl",
    "l1_loss": "loss.mean_absolute_error",
    "mae": "loss.mean_absolute_error",
    "mse": "loss.mean_squared_error",
    "mse_loss": "loss.mean_squared_error",
    "pixel_shuffle": "channel_to_space2d",
    "pixel_unshuffle": "space_to_channel2d",
    "primitive": "custom_derivative",
    "remat": "checkpoint",
    "resize": "interpolate",
    "sendrecv": "parallel.ppermute",
    "silu": "swish",
    "vectorize": "elementwise",
}


def presented(*found: Any) -> Any:
    """Take the annotations off public functions, and off the methods of classes; return the first.

    In the sources most of them are Any, since types are told apart at run time. What users are told is in the stubs,
    which type checkers and editors read; :func:`help` shows the names of the parameters and their defaults.
    """
    for one in found:
        for function in _methods(one) if isinstance(one, type) else (one,):
            while type(function) is FunctionType:
                function.__annotations__ = {}
                function = vars(function).get("__wrapped__")
    return found[0]


def _methods(found: type) -> Iterable[Any]:
    package = __name__.partition(".")[0]
    return [x for base in found.__mro__ if base.__module__.startswith(f"{package}.") for x in vars(base).values()]


def no_attribute(module: str, name: str, names: Iterable[str]) -> AttributeError:
    """The error for a name that a module doesn't have, with the one that was meant, or is most like it."""
    text = f"module {module!r} has no attribute {name!r}"
    if name in _ELSEWHERE:
        return AttributeError(f"{text}. Did you mean 'numbafunc.{_ELSEWHERE[name]}'?", name=name, obj=None)
    if not name.startswith("_"):
        from difflib import get_close_matches

        near = get_close_matches(name, names, 1)
        if near:
            # Python's own traceback makes suggestions too, of what is like it in `obj`; notebooks show the text alone.
            return AttributeError(f"{text}. Did you mean {near[0]!r}?", name=name, obj=None)
    return AttributeError(text)
