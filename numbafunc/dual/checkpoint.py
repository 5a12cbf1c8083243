"""Functions that keep nothing of a run but its arguments: reverse mode runs them again when it comes to them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from numbafunc.backend import is_device_array
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, is_blank, make, on_device, settled, value_of
from numbafunc.dual.dtypes import is_inexact
from numbafunc.dual.levels import LIVE, begin_run, check_end, end_run, replace_error
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.recorder import (
    PICKED,
    SHARED,
    WATCHED,
    Node,
    Primitive,
    Recorder,
    check_watched,
    collective_calls,
    fingerprint,
    variable,
    watch,
)
from numbafunc.dual.tables import HOOKS
from numbafunc.dual.tape import walk_back, walk_forth
from numbafunc.dual.trees import Structure, flatten

__all__ = ["checkpoint"]

Function = TypeVar("Function", bound=Callable[..., Any])


def checkpoint(f: Function) -> Function:
    """Make the function that takes less memory in reverse mode: it keeps its arguments alone, and runs again.

    Parameters
    ----------
    f : callable
        Function of nests of arrays, without side effects, which must not change its arguments in place either; it may
        refer to other arrays that are differentiated, which must not be changed in place after the call.

    Returns
    -------
    callable
        The same function, with the same derivatives. As the function of :func:`scan` over n steps it keeps about
        ``sqrt(n)`` carries and what as many steps compute, in place of what all steps do.

    Raises
    ------
    TypeError
        For an `f` that is no function.
    RuntimeError
        While the gradient is found, where `f` refers to another array in its second run than in its first.

    Notes
    -----
    What `f` computes on the way takes memory only while its gradient is found, at the price of a second run of `f`
    [1]_. Forward mode, and evaluation without derivatives, run `f` as it is.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Algorithm 799: revolve: an implementation of checkpointing for the reverse or
       adjoint mode of computational differentiation", ACM Transactions on Mathematical Software 26 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> layer = numbafunc.checkpoint(lambda x: np.tanh(x) * np.exp(-x * x))
    >>> numbafunc.grad(lambda x: np.sum(layer(layer(x))), mode="reverse")(np.array([0.5])).round(4)
    array([0.1403])
    """
    if not callable(f):
        raise TypeError(f"checkpoint is given a {type(f).__name__}; wanted: a function")

    @functools.wraps(f)
    def checkpointed(*args: Any, **options: Any) -> Any:
        leaves, structure = flatten([args, options])
        level = recorded_level(*leaves)
        moving = [number for number, x in enumerate(leaves) if _is_recorded(x, level)]
        # Tangents of higher levels would have to be kept apart: the function is then run as it is.
        if moving and not _above(leaves, level):
            run = _Run(f, leaves, structure, moving, level)
            outputs = run.outputs()
            # Arrays that the function refers to may have some as well.
            if not _above(outputs, level):
                return run.result(outputs)
        return f(*args, **options)

    checkpointed.keeps_arguments = f  # type: ignore[attr-defined]
    return checkpointed  # type: ignore[return-value]


def _is_recorded(x: Any, level: int) -> bool:
    return type(x) is Dual and x.level == level and type(x.tangent) is Recorder


def _read_only(x: Any) -> Any:
    """A view that can't be changed in place: the second run would find the change, and so would the caller."""
    if type(x) is np.ndarray:
        x = x.view()
        x.flags.writeable = False
    return x


def _kept(x: Any) -> Any:
    """An argument for both runs: a blank array as a read-only copy, as the caller may fill it in between."""
    return HOOKS["fillable"](_read_only(settled(x).copy())) if is_blank(x) else x


def _above(leaves: list[Any], level: int) -> bool:
    """Whether an array has tangents of a higher level."""
    return any(type(x) is Dual and x.level > level for x in leaves)


def _sums(x: Any) -> tuple[float, float]:
    """What tells values apart that differ by more than rounding: sums with weights, of elements and their sizes."""
    x = value_of(x)
    x = np.asarray(x) if isinstance(x, np.generic) else x
    if type(x) is not np.ndarray or x.dtype.kind not in "fc" or x.itemsize < 4:
        return 0.0, 0.0
    return abs(fingerprint(x)), float(fingerprint(abs(x)))


def _alike(first: tuple[float, float], second: tuple[float, float]) -> bool:
    # A difference of NaN, or infinity, tells nothing.
    return not abs(first[0] - second[0]) > 1e-3 * (first[1] + second[1])


class _Run:
    """A run of a function whose steps are not kept."""

    sums: Sequence[tuple[float, float]] = ()

    def __init__(
        self, f: Callable[..., Any], leaves: list[Any], structure: Structure, moving: Sequence[int], level: int
    ) -> None:
        self.f = f
        self.structure = structure
        self.moving = moving
        self.level = level
        self.recorders = [leaves[number].tangent for number in moving]
        self.leaves = [x.primal if number in moving else _kept(x) for number, x in enumerate(leaves)]
        self.start = 0
        self.collective = False

    def _call(self, leaves: list[Any]) -> tuple[list[Any], Structure]:
        args, options = self.structure.unflatten(leaves)
        outputs, structure = flatten(self.f(*args, **options))
        return [settled(x) for x in outputs], structure

    def outputs(self) -> list[Any]:
        """The outputs of the run, whose tangents are those that come from what the function refers to."""
        self.start = variable((), np.dtype(float), self.level).node.number
        shared = SHARED.setdefault(self.level, [])
        known = len(shared)
        calls = collective_calls[0]
        try:
            if on_device(*self.leaves):
                # NumPy's functions take dual arrays of a device, not the arrays themselves.
                _, outputs, self.nest, _ = self._again()
            else:
                moving = set(self.moving)
                leaves = [_read_only(x) if number in moving else x for number, x in enumerate(self.leaves)]
                outputs, self.nest = self._call(leaves)
        finally:
            # The steps of this run at this level are not taken back.
            del shared[known:]
        self.collective = collective_calls[0] > calls
        self.sums = [_sums(x) for x in outputs]
        return outputs

    def result(self, outputs: list[Any]) -> Any:
        """The result, whose tangents are results of one step of the tape."""
        for x in self.leaves:
            watch(x, self.level)
        directions = self.recorders[0].shape[0]
        captured = self._captured(outputs, self.start)
        self.captured = [node.number for node in captured]
        step = Primitive("checkpoint", self._push, self._pull, joint=True)
        taken = [Recorder(node) for node in captured]
        joint = step.record((), np.dtype(float), *self.recorders, *taken)
        if self.collective:
            # Other processes run the function again, whether or not this one needs its derivative.
            SHARED[self.level].append(joint.node)
        results: list[Any] = []
        for number, x in enumerate(outputs):
            value = x.primal if _is_recorded(x, self.level) else x
            if type(value) is not Dual and not is_device_array(value):
                value = np.asarray(value)
            if is_inexact(value.dtype):
                tangent = PICKED.record((directions, *value.shape), value.dtype, joint, number)
                value = make(value, tangent, self.level)
            results.append(value if type(value) is Dual else x)
        return self.nest.unflatten(results)

    def _captured(self, outputs: list[Any], start: int) -> list[Node]:
        """The steps before the run that its outputs depend on, by arrays that are not among the arguments."""
        found: dict[int, Node] = {}
        seen: set[int] = set()
        waiting = [x.tangent.node for x in outputs if _is_recorded(x, self.level)]
        while waiting:
            node = waiting.pop()
            if node.number in seen:
                continue
            seen.add(node.number)
            if node.number < start:
                found[node.number] = node
            else:
                waiting.extend(node.parents())
        return [found[number] for number in sorted(found)]

    def _again(self) -> tuple[list[Recorder], list[Any], Structure, list[Node]]:
        """The recorders of the arguments, the outputs of another run, their nest, and the steps to take in any case."""
        recorders = [variable(one.shape, one.dtype, self.level) for one in self.recorders]
        leaves = list(self.leaves)
        was_live = self.level in LIVE
        others, watched = SHARED.pop(self.level, None), WATCHED.get(self.level)
        noted = WATCHED[self.level] = {}
        LIVE.add(self.level)
        begin_run(self.level, recorders[0].shape[0])
        try:
            for number, recorder in zip(self.moving, recorders, strict=True):
                leaves[number] = make(leaves[number], recorder, self.level)
            outputs, structure = self._call(leaves)
        except Exception as error:
            replace_error(error)
            raise
        finally:
            end_run()
            shared = SHARED.pop(self.level, [])
            if others is not None:
                SHARED[self.level] = others
            if not was_live:
                LIVE.discard(self.level)
            del WATCHED[self.level]
            if watched is not None:
                WATCHED[self.level] = watched
        check_watched(noted)
        check_end(self.level)
        if self.sums and not all(map(_alike, self.sums, map(_sums, outputs))):
            raise RuntimeError(
                "checkpoint: the function gives another value in its second run than in its first; what it refers to "
                "must not be changed in place, and it must not draw random numbers"
            )
        return recorders, outputs, structure, shared

    def _pull(self, cotangents: dict[int, Any], *arguments: Node) -> list[Any]:
        """The contributions to the arguments and to what the function refers to."""
        recorders, outputs, _, shared = self._again()
        start = recorders[0].node.number
        starts = []
        for number, cotangent in cotangents.items():
            if _is_recorded(outputs[number], self.level):
                starts.append((outputs[number].tangent.node, cotangent))
        del outputs
        found = walk_back(starts, since=start, visit=shared)
        known = {node.number for node in arguments}
        own = {recorder.node.number for recorder in recorders}
        if any(number < start and number not in known for number in found):
            raise RuntimeError("checkpoint: the function refers to another array in its second run than in its first")
        nodes = [*(recorder.node for recorder in recorders), *arguments[len(own) :]]
        return [found[node.number][1] if node.number in found else None for node in nodes]

    def _push(self, *tangents: Any) -> list[Any]:
        """The tangents of the outputs."""
        recorders, outputs, _, shared = self._again()
        numbers = [*(recorder.node.number for recorder in recorders), *self.captured]
        starts = dict(zip(numbers, tangents, strict=True))
        ends = [x.tangent.node if _is_recorded(x, self.level) else None for x in outputs]
        found = iter(walk_forth(starts, [*(end for end in ends if end is not None), *shared]))
        results = []
        for x, end in zip(outputs, ends, strict=True):
            change = next(found) if end is not None else None
            if change is None:
                like = tangents[0]
                shape = (like.shape[0], *getattr(x, "shape", ()))
                change = anywhere.place_of(like).zeros(shape, getattr(x, "dtype", np.dtype(float)), like)
            results.append(change)
        return results
