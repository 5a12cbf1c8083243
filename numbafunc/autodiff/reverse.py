"""Reverse mode: vjp, jacrev, and the gradient in one walk back over the tape of a run.

A run of the function on recorded tangents makes the tape; see :mod:`numbafunc.dual.recorder`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import numbafunc.transposes as _transposes  # noqa: F401  (fills the table of recorders)
from numbafunc import backend
from numbafunc.autodiff.array_helpers import joined, owner_of, unit_directions
from numbafunc.autodiff.given_away import given_away, outline
from numbafunc.autodiff.variables import (
    Variables,
    as_array,
    check_argnums,
    check_chunk_size,
    check_function,
    constant,
    floating,
    is_usual,
    pair,
    scalar,
    split,
)
from numbafunc.backend import CPU
from numbafunc.cpu.heap import keep_freed_memory
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, make
from numbafunc.dual.lent import LENT_FROM, is_lendable, lend
from numbafunc.dual.levels import RECYCLING, Run, recycle_memory
from numbafunc.dual.recorder import SHARED, WATCHED, Node, Recorder, check_watched, variable
from numbafunc.dual.tape import walk_back
from numbafunc.dual.trees import SINGLE, Structure, flatten, flatten_with_names, tree_map
from numbafunc.kinds.compiled import on_duals
from numbafunc.kinds.njit import register
from numbafunc.result_memory import DERIVATIVES_FROM, begin_recycling, end_recycling, recycled

__all__ = ["jacrev", "vjp"]


FEW = 2
"""Variables up to which forward mode is taken where the mode is not given; `bench.modes` measures both.

With more, forward mode saves up to 60 microseconds where arrays are small, and takes ten times as long where they are
large.
"""


def check_mode(mode: Any, chunk_size: int | None) -> None:
    """Raise unless a mode is a name or None, and takes the chunk size."""
    if mode is not None and not (isinstance(mode, str) and mode in ("forward", "reverse")):
        raise ValueError(f"mode is {mode!r}; it must be 'forward', 'reverse' or None")
    if mode == "reverse" and chunk_size is not None:
        raise ValueError(f"chunk_size is {chunk_size}; reverse mode has no chunks, leave it out")


def takes_reverse(variables: Variables, mode: str | None, chunk_size: int | None = None) -> bool:
    """Whether reverse mode is taken for some variables."""
    if mode is None and chunk_size is None:
        return bool(variables.total > FEW)
    return mode == "reverse"


# Elements from which on an array may be large.
_LARGE = DERIVATIVES_FROM // 16

keep_freed_memory()


class Tape:
    """What a run of a function on recorded tangents leaves: its outputs, and the steps that lead to them.

    Parameters
    ----------
    leaves : sequence of array or Dual
        The variables.
    run : callable
        ``run(moved)``: the result of the function, a pair with `has_aux`, with ``moved`` in place of the variables.
    has_aux : bool
        Whether the result is a pair of the value and something else.
    directions : int
        Number of cotangents that are pulled back at once.
    kept : bool
        Whether the caller may change the variables in place before the tape is gone.
    """

    def __init__(
        self,
        leaves: Sequence[Any],
        run: Callable[[list[Any]], Any],
        has_aux: bool = False,
        directions: int = 1,
        kept: bool = False,
    ) -> None:
        self.leaves: list[Any] = []
        self.nodes: list[Node] = []
        with Run(directions) as level:
            moved = []
            large = lent = False
            for leaf in leaves:
                if kept:
                    given, leaf = leaf, _snapshot_or_lent(leaf)
                    lent = lent or leaf is given
                self.leaves.append(leaf)
                recorder = variable((directions, *leaf.shape), leaf.dtype, level)
                self.nodes.append(recorder.node)
                moved.append(make(leaf, recorder, level))
                large = large or leaf.size >= _LARGE
            if large:
                recycle_memory(level, self.leaves)
            if lent:
                lend(moved)
            WATCHED[level] = {}
            try:
                result = run(moved)
            finally:
                self.shared = SHARED.pop(level, ())
                self.watched = WATCHED.pop(level, {})
                self.recycles = level in RECYCLING
        self.level = level
        self.aux = None
        if has_aux:
            result, other = pair(result)
            self.aux = constant(other, level)
        self.result = result

    def outputs(self) -> tuple[list[Any], list[Any], list[str], Structure]:
        """The values of the outputs, their steps (None for one that does not depend on the variables), their names."""
        result = self.result
        if type(result) is Dual and result.level == self.level:
            # The common case, for which the rest would take longer than a short computation.
            tangent = result.tangent
            return [result.primal], [tangent.node if type(tangent) is Recorder else None], [""], SINGLE
        found, names, structure = flatten_with_names(result)
        values, ends = [], []
        for leaf, name in zip(found, names, strict=True):
            value, tangent = split(leaf, self.level, f"the output of f{name}")
            values.append(value)
            ends.append(tangent.node if type(tangent) is Recorder else None)
        return values, ends, names, structure

    def cotangents(self, starts: Sequence[tuple[Node, Any]], keep: bool) -> list[Any]:
        """The cotangents of the variables, with their directions; None for one that has none."""
        if self.watched:
            check_watched(self.watched)
        memory = begin_recycling() if self.recycles else None
        try:
            found = walk_back(starts, keep=keep, visit=self.shared)
        finally:
            if memory is not None:
                end_recycling(memory)
        results = []
        for node in self.nodes:
            end = found.get(node.number)
            results.append(None if end is None else end[1])
        return results

    def gradients(self, starts: Sequence[tuple[Node, Any]], keep: bool, own: bool) -> list[Any]:
        """The cotangents of the variables in their shapes, in memory of their own.

        With ``own`` they may take that of the cotangents they start from; otherwise it is the caller's.
        """
        found = self.cotangents(starts, keep)
        if len(found) == 1 and type(found[0]) is np.ndarray and found[0].base is None and found[0].flags.writeable:
            # The common case. Cotangents that the caller has given come as views.
            return [found[0].reshape(self.leaves[0].shape)]
        memory: set[int] = set() if own else {id(owner_of(x)) for _, x in starts}
        results = []
        for leaf, cotangent in zip(self.leaves, found, strict=True):
            if cotangent is None:
                results.append(backend.of(leaf).zeros(leaf.shape, leaf.dtype, leaf))
            else:
                results.append(_owned(anywhere.reshaped(cotangent, leaf.shape), memory))
        return results


def snapshot(x: Any) -> Any:
    """An array that stays as it is whatever its owner does; those of a device, which steps don't refer to, as given."""
    if type(x) is np.ndarray:
        return x.copy() if x.nbytes < DERIVATIVES_FROM else recycled(x.copy)
    return x.copy() if type(x) is Dual and backend.of(x) is CPU else x


def _snapshot_or_lent(x: Any) -> Any:
    """A snapshot of a variable, or the variable itself where a copy can wait until something keeps it."""
    if type(x) is np.ndarray and x.nbytes <= LENT_FROM:
        return x.copy()
    return x if is_lendable(x) else snapshot(x)


def _owned(x: Any, memory: set[int]) -> Any:
    """The array, or a copy where it is read-only, part of a larger one, or another gradient has the same memory."""
    if type(x) is not np.ndarray:
        return anywhere.copied(x)
    owner = owner_of(x)
    if not x.flags.writeable or owner.size != x.size or id(owner) in memory:
        x = owner = np.array(x) if x.nbytes < DERIVATIVES_FROM else recycled(lambda: np.array(x))
    memory.add(id(owner))
    return x


def reverse_value_and_grad(
    f: Callable[..., Any], variables: Variables, options: dict[str, Any], has_aux: bool, by_default: bool = False
) -> tuple[Any, Any, list[Any]] | None:
    """The value of a scalar function, the other result, and the gradient with respect to each leaf.

    None if reverse mode was taken by default and the function calls collective functions of several ranks, through
    which the modes take different derivatives: that must not depend on the number of variables.
    """
    tape = Tape(variables.leaves, lambda moved: f(*variables.arguments(moved), **options), has_aux)
    if by_default and tape.shared:
        return None
    value, tangent = scalar(tape.result, tape.level)
    tape.result = None
    starts = []
    if type(tangent) is Recorder:
        starts.append((tangent.node, backend.of(value).full(tangent.shape, 1, tangent.dtype, value)))
    del tangent
    gradients = tape.gradients(starts, keep=False, own=True)
    here = backend.of(value)
    if here is not CPU:
        # Where the value is, as from forward mode.
        gradients = [anywhere.sent(gradient, here) for gradient in gradients]
    return value, tape.aux, gradients


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    r"""Evaluate a function, and make the function that pulls cotangents of its value back to the primals.

    .. math:: \left(f(x),\; c \mapsto J^T c\right), \qquad J_{i j} = \frac{\partial f(x)_i}{\partial x_j}

    Parameters
    ----------
    f : callable
        Function of as many positional arguments as there are `primals`; it may return a nest.
    *primals
        The arguments x: floating arrays, Python floats or nests of these. Leaves that are not floating are constants.
    has_aux : bool
        Whether `f` returns a pair of the value and something else, which is handed through.

    Returns
    -------
    value : array or nest
        ``f(*primals)``.
    pull : callable
        ``pull(cotangent)``, with a cotangent nested as the value, of its shapes and dtypes, or None in place of a leaf,
        is the tuple of the gradients of ``sum(cotangent * value)``, one for each primal and nested as it, with None for
        leaves that are not floating. It may be called any number of times.
    aux
        The other result, with `has_aux`.

    Raises
    ------
    TypeError
        Primals without a floating leaf; from ``pull``, a cotangent of another nest or dtype than the value.
    ValueError
        From ``pull``, a cotangent of another shape than the value, or an array that was changed in place after `f` had
        used it, where that is noticed.

    See Also
    --------
    jvp : the derivative along a direction.

    Notes
    -----
    Reverse mode [1]_: the steps by which `f` computes tangents are kept, and transposed in reverse order; they need as
    much memory as the intermediate values of `f`, which is freed with ``pull``. The arrays that `f` refers to are not
    copied, so they must stay as they are for as long; the primals may change as soon as ``vjp`` has returned, and not
    while `f` runs. Of a complex value the real part of the sum is meant, so the cotangent of ``real(z)`` is 1 and that
    of ``imag(z)`` is -1j.

    References
    ----------
    .. [1] A. Griewank and A. Walther, Evaluating Derivatives, 2nd edition, SIAM (2008), chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> value, pull = numbafunc.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pull(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    has_aux = check_function(f, "vjp", has_aux)
    f = on_duals(f)
    nests = None if all(map(is_usual, primals)) and primals else _Nests(primals)

    def run(moved: list[Any]) -> Any:
        return f(*(moved if nests is None else nests.arguments(moved)))

    tape = Tape(primals if nests is None else nests.variables, run, has_aux, kept=True)
    values, ends, names, structure = tape.outputs()
    # The steps may refer to values too, and what is given away may be changed in place.
    tape.result = None
    results = given_away(values, snapshot)
    value = results[0] if structure is SINGLE else structure.unflatten(results)
    aux, tape.aux = tree_map(snapshot, tape.aux) if has_aux else None, None
    # Copies that no step refers to are freed.
    tape.leaves = [outline(leaf) for leaf in tape.leaves]

    def pull(cotangent: Any) -> tuple[Any, ...]:
        if structure is SINGLE and type(cotangent) is np.ndarray:
            # The common case, for which the rest would take longer than a small array.
            part, end = _cotangent(cotangent, values[0], "cotangent"), ends[0]
            starts = [] if end is None else [(end, part.reshape((1, *part.shape)))]
        else:
            starts = _starts(cotangent, values, ends, names, structure)
        found = tape.gradients(starts, keep=True, own=False)
        return tuple(found if nests is None else nests.gradients(found))

    return (value, pull, aux) if has_aux else (value, pull)


class _Nests:
    """Primals of which not each is a variable by itself.

    Parameters
    ----------
    primals : sequence
        Arrays, numbers and nests of these.

    Raises
    ------
    TypeError
        Primals without a floating leaf.
    """

    def __init__(self, primals: Sequence[Any]) -> None:
        self.variables: list[Any] = []
        self._parts: list[tuple[list[Any], list[int], Structure]] = []
        for number, primal in enumerate(primals):
            leaves, names, structure = flatten_with_names(primal)
            moving = []
            for i, (leaf, name) in enumerate(zip(leaves, names, strict=True)):
                array = as_array(leaf, f"primals[{number}]{name}")
                if array.dtype.kind in "fcV":
                    moving.append(i)
                    self.variables.append(floating(leaf, f"primals[{number}]{name}"))
            self._parts.append((leaves, moving, structure))
        if not self.variables:
            raise TypeError("vjp is given no floating array among primals; wanted: at least one to differentiate")

    def arguments(self, moved: Sequence[Any]) -> list[Any]:
        """The primals with others in place of the variables."""
        return self._filled([leaves for leaves, _, _ in self._parts], moved)

    def gradients(self, found: Sequence[Any]) -> list[Any]:
        """The gradients, nested as the primals are, with None for constants."""
        return self._filled([[None] * len(leaves) for leaves, _, _ in self._parts], found)

    def _filled(self, others: Sequence[list[Any]], variables: Sequence[Any]) -> list[Any]:
        remaining = iter(variables)
        nested = []
        for leaves, (_, moving, structure) in zip(others, self._parts, strict=True):
            placed = list(leaves)
            for i in moving:
                placed[i] = next(remaining)
            nested.append(structure.unflatten(placed))
        return nested


def _starts(
    cotangent: Any, values: Sequence[Any], ends: Sequence[Node | None], names: Sequence[str], structure: Structure
) -> list[tuple[Node, Any]]:
    """The steps with which a walk back begins, and their cotangents, given the cotangent of a nest of values."""
    given = structure.flatten_like(cotangent)
    if given is None:
        raise TypeError(f"cotangent is nested as {flatten(cotangent)[1]}; it must be nested as the value, {structure}")
    starts = []
    for part, value, end, name in zip(given, values, ends, names, strict=True):
        if part is not None:
            part = _cotangent(part, value, f"cotangent{name}")
            if end is not None:
                starts.append((end, anywhere.reshaped(part, (1, *value.shape))))
    return starts


def _cotangent(x: Any, value: Any, name: str) -> Any:
    """A cotangent of a value as an array."""
    if type(x) is np.ndarray and type(value) is np.ndarray and x.dtype == value.dtype and x.shape == value.shape:
        return x
    here = backend.of(value)
    if isinstance(x, (int, float)) and value.ndim == 0:
        x = here.full((), x, value.dtype, value)
    x = as_array(x, name)
    if backend.of(x) is not here:
        raise TypeError(f"{name} is in {backend.of(x).place}; it must be where the value is, in {here.place}")
    if x.dtype != value.dtype:
        raise TypeError(f"{name} has dtype {x.dtype}; it must be that of the value, {value.dtype}")
    if x.shape != value.shape:
        raise ValueError(f"{name} has shape {x.shape}; it must be that of the value, {value.shape}")
    return x


def jacrev(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    r"""Make the function that evaluates the Jacobian, by reverse mode.

    .. math:: J_{i j} = \frac{\partial f(x)_i}{\partial x_j}

    Parameters
    ----------
    f : callable
        Function that returns an array or a nest of arrays.
    argnums, has_aux
        As for :func:`grad`.
    chunk_size : int, optional
        How many rows of the Jacobian are found in one walk. By default as many as keep those of the arguments below
        64 MiB, at most 256.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns what :func:`jacfwd` gives.

    Raises
    ------
    TypeError
        From the returned function: an argument that is not floating.

    See Also
    --------
    jacfwd : the same by forward mode, for fewer variables than outputs.

    Notes
    -----
    `f` runs twice: to learn the shape of its value, and on recorded tangents.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.jacrev(lambda x: x * x[0])(np.array([1.0, 2.0]))
    array([[2., 0.],
           [2., 1.]])
    """
    has_aux = check_function(f, "jacrev", has_aux)
    f = on_duals(f)
    positions = check_argnums(argnums)
    check_chunk_size(chunk_size)

    @functools.wraps(f)
    def jacobian(*args: Any, **options: Any) -> Any:
        variables = Variables(args, positions)
        result = f(*args, **options)
        result, aux = pair(result) if has_aux else (result, None)
        found, names, structure = flatten_with_names(result)
        outputs = [as_array(leaf, f"the output of f{name}") for leaf, name in zip(found, names, strict=True)]
        # The real and the imaginary part of a complex output are rows of their own.
        rows = [(leaf, turn) for leaf, x in enumerate(outputs) for turn in ((1, -1j) if x.dtype.kind == "c" else (1,))]
        stops = np.cumsum([outputs[leaf].size for leaf, _ in rows]).tolist()
        total = stops[-1] if stops else 0
        itemsize = max((leaf.dtype.itemsize for leaf in variables.leaves), default=8)
        variables.check_columns(total, itemsize, "the Jacobian", "vjp, its products with cotangents")
        chunk = min(max(1, total), chunk_size or min(256, variables.directions()))
        tape = Tape(variables.leaves, lambda moved: f(*variables.arguments(moved), **options), has_aux, chunk)
        ends = tape.outputs()[1]
        tape.result = None
        pieces: list[list[Any]] = [[] for _ in variables.leaves]
        for first in range(0, max(1, total), chunk):
            span = range(first, first + chunk)
            starts = []
            for (leaf, turn), stop in zip(rows, stops, strict=True):
                x, end = outputs[leaf], ends[leaf]
                unit = None if end is None else unit_directions(span, stop - x.size, stop, x)
                if unit is not None:
                    starts.append((end, unit if turn == 1 else unit * turn))
            for piece, cotangent, leaf in zip(
                pieces, tape.cotangents(starts, keep=True), variables.leaves, strict=True
            ):
                if cotangent is None:
                    cotangent = backend.of(leaf).zeros((chunk, *leaf.shape), leaf.dtype, leaf)
                rest = slice(total - first)
                piece.append(anywhere.part(cotangent, rest) if first + chunk > total else cotangent)
        columns = [joined(piece) for piece in pieces]
        results = []
        for leaf, x in enumerate(outputs):
            blocks = [slice(stop - x.size, stop) for (other, _), stop in zip(rows, stops, strict=True) if other == leaf]
            results.append(variables.put([_rows(column, blocks, x) for column in columns], argnums))
        jacobian = structure.unflatten(results)
        return (jacobian, constant(aux)) if has_aux else jacobian

    return jacobian


def _rows(column: Any, blocks: list[slice], x: Any) -> Any:
    """The rows of an output, in the shapes of output and variable, and the dtype of the output."""
    part = anywhere.part(column, blocks[0])
    if len(blocks) == 2:
        part = part + 1j * column[blocks[1]]
    return anywhere.converted(anywhere.reshaped(part, (*x.shape, *column.shape[1:])), x.dtype)


register(__name__)
