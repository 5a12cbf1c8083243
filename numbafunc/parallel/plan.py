"""Plans: what a collective call on arrays of given shapes and dtypes does, worked out once and kept.

Small arrays of one dtype travel together in one buffer, large ones by themselves; what fits travels in the frame
that the ranks exchange anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import accumulate, repeat
from operator import attrgetter, is_
from typing import Any, NamedTuple

import numpy as np

from numbafunc.cpu.memory import FLAGS, PLAIN, is_plain
from numbafunc.dual.trees import Structure, flatten
from numbafunc.interrupts import held_back
from numbafunc.kinds.arguments import check_flag
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import Place, digest_of
from numbafunc.parallel.dtypes import MEAN, SUM, Wire, how, native, wire_of
from numbafunc.parallel.means import divide, share

Array = Any  # numpy.ndarray
Exchange = Callable[[Array], None]  # takes steps together with the other ranks

# Arrays above this size travel by themselves: copying them costs more than a call of MPI.
FUSED_BYTES = 1 << 15
# Words of data in a frame: agreement.PAYLOAD, written again since to import that module costs time at the start.
_PAYLOAD = 28

form_of = attrgetter("shape", "dtype")
_flags_of, _base_of = attrgetter("flags.num"), attrgetter("base")

# NumPy's flags of arrays that own their memory and that kernels can write to; 4 is that of the memory.
_ASKED, _OWNED = FLAGS | 4, PLAIN | 4

_NOTHING = nullcontext()

# Bytes up to which a bucket keeps the memory in which its arrays travel.
_KEPT_BYTES = 1 << 20


class ArrayForm(NamedTuple):
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


class Plan:
    """A reduction of arrays over an axis.

    Parameters
    ----------
    axis : Axis
        The ranks.
    operation : str
        ``"psum"`` or the like.
    forms : sequence of ArrayForm
        The arrays.
    nest : str
        What else has to be the same on all ranks: how the arrays are nested, whether they are derivatives.
    reproducible : bool
        Whether to add up in the order of the ranks.
    started : bool
        Whether the data move while the program goes on.
    """

    def __init__(
        self,
        axis: Axis,
        operation: str,
        forms: Sequence[ArrayForm],
        nest: str,
        reproducible: bool,
        started: bool = False,
    ) -> None:
        reproducible = check_flag(reproducible, "reproducible")
        self.axis = axis
        self.operation = operation
        self._name = f"{operation}_start" if started else operation
        self.forms = tuple(forms)
        self.nest = nest
        self.wires = [wire_of(operation, form.dtype) for form in forms]
        self._computes = operation == MEAN or any(
            not form.dtype == wire.carried == wire.result for form, wire in zip(forms, self.wires)
        )
        self._result_forms = [(form.shape, wire.result) for form, wire in zip(forms, self.wires)]
        self.digest = digest_of(self._name, [(form.shape, form.dtype.name) for form in forms], nest, reproducible)
        # Means whose sums overflow take a second exchange, which must not meet another call.
        self.digest_again = digest_of("again", self.digest)
        self.reproducible = reproducible
        # MPI wants that all ranks reduce in place, or none. Its functions that return at once rely on it: those of Open
        # MPI take another algorithm in place, as ranks do whose arrays have to be copied. So all copy theirs for them.
        self.in_place = axis.crowded or started
        self.ordered = reproducible and operation in (SUM, MEAN)
        self.inline = axis.size > 1 and self._fits_frame()
        if axis.size > 1:
            self.text = axis.text(self.describe())
        if self.inline:
            self._word = self.wires[0].word
            total = sum(self._sizes)
            self._words = total * (self._word.itemsize // 8)
            self._how = how(operation, self._word)
            self._single = forms[0].shape if len(forms) == 1 else (total,)
            self._flat = len(self._single) == 1
            ends = list(accumulate(self._sizes))
            self._slices = [slice(end - size, end) for end, size in zip(ends, self._sizes)]
        else:
            self.buckets = self._make_buckets()
            if axis.size > 1:
                from numbafunc.parallel import exchange

                steps = [bucket.step() for bucket in self.buckets]
                self._steps = np.array(steps, np.int64).reshape(len(steps), exchange.WIDTH)

    def _fits_frame(self) -> bool:
        self._sizes = [_size(form.shape) for form in self.forms]
        words = {wire.word for wire in self.wires}
        if len(words) != 1:
            return False
        (word,) = words
        if self.ordered and word.kind in "fc":
            return False
        return 0 < sum(self._sizes) * (word.itemsize // 8) <= _PAYLOAD

    def _make_buckets(self) -> list[Bucket]:
        small: dict[np.dtype[Any], list[int]] = {}
        alone = []
        for index, (form, wire) in enumerate(zip(self.forms, self.wires)):
            if _size(form.shape) * wire.carried.itemsize <= FUSED_BYTES:
                small.setdefault(form.dtype, []).append(index)
            else:
                alone.append([index])
        return [Bucket(self, indices) for indices in (*small.values(), *alone)]

    def describe(self) -> str:
        """The call, for messages."""
        if len(self.forms) == 1 and not self.nest:
            what = str(self.forms[0])
        else:
            shown = ", ".join(map(str, self.forms[:_SHOWN]))
            more = f" and {len(self.forms) - _SHOWN} more" if len(self.forms) > _SHOWN else ""
            what = f"{shown}{more}, in {self.nest or 'a list'}"
        added = ", reproducible" if self.reproducible else ""
        return f"{self._name} of {what} over {self.axis.label!r}{added}"

    def takes(self, outs: Sequence[Array], operands: Sequence[Array]) -> bool:
        """Whether results can be written to arrays, found out for all at once; not if a single one is unusual.

        Each owns its memory, so it shares none with another array that does. It may be its own operand.
        """
        owned = set(map(_flags_of, outs))
        if list(map(form_of, outs)) != self._result_forms or not all(flags & _ASKED == _OWNED for flags in owned):
            return False
        if outs is operands:
            return len(set(map(id, outs))) == len(outs)
        everything = (*outs, *operands)
        return len(set(map(id, everything))) == len(everything) and all(map(is_, map(_base_of, operands), repeat(None)))

    def run(
        self,
        arrays: Sequence[Array],
        outs: Sequence[Array] | None,
        place: Place,
        more: Array | None = None,
    ) -> list[Array]:
        """The results, in `outs` where that is given; with more steps to take in the same exchange."""
        if self.axis.size == 1:
            return [
                _put(np.array(array, wire.result, order="C"), None if outs is None else outs[index])
                for index, (array, wire) in enumerate(zip(arrays, self.wires))
            ]
        if self.inline:
            return self._run_inline(arrays, outs, place, more)
        # Numbers that are converted or divided may overflow.
        with np.errstate(all="ignore") if self._computes else _NOTHING:
            targets, steps, _kept = self.prepare(arrays, outs)
            if more is not None:
                steps = np.concatenate([steps, more])
            self.axis.exchange(self.digest, self.describe, self.text, place, steps)
            return self.finish(targets, arrays, outs, self._again(place))

    def prepare(self, arrays: Sequence[Array], outs: Sequence[Array] | None) -> tuple[list[Array], Array, Any]:
        """What each bucket receives into, the steps of the exchange, and all that has to be kept until they are taken.

        Arrays of main memory that travel by themselves are sent from where they are.
        """
        from numbafunc.parallel import exchange

        prepared = [bucket.prepare(arrays, outs) for bucket in self.buckets]
        steps = self._steps.copy()
        for number, (source, target, scratch) in enumerate(prepared):
            address = steps[number, exchange.SOURCE] = source.ctypes.data
            steps[number, exchange.TARGET] = address if target is source else target.ctypes.data
            if scratch is not None:
                steps[number, exchange.SCRATCH] = scratch.ctypes.data
        return [target for _, target, _ in prepared], steps, prepared

    def finish(
        self, targets: Sequence[Array], arrays: Sequence[Array], outs: Sequence[Array] | None, exchange: Exchange
    ) -> list[Array]:
        """The results, from what the buckets have received; means may take another exchange."""
        if self.operation == MEAN:
            self._divide(targets, arrays, exchange)
        results: list[Array] = [None] * len(self.forms)
        for bucket, target in zip(self.buckets, targets):
            bucket.deliver(target, outs, results)
        return results

    def _again(self, place: Place) -> Exchange:
        return lambda steps: self.axis.exchange(self.digest_again, self.describe, self.text, place, steps)

    def _divide(self, targets: Sequence[Array], arrays: Sequence[Array], exchange: Exchange) -> None:
        """Divide sums by the number of ranks; those that overflowed are taken again from shares of the terms.

        The sums have the same bits on all ranks, so all ranks take them again, or none.
        """
        size = self.axis.size
        lost = [divide(target, size) for target in targets]
        if not any(lost):
            return
        with held_back(), np.errstate(all="ignore"):
            shares = [share(array, wire.carried, size) for array, wire in zip(arrays, self.wires)]
            again, steps, _kept = self.prepare(shares, None)
            exchange(steps)
            for target, mean in zip(targets, again):
                np.copyto(target, mean.reshape(target.shape), where=~np.isfinite(target))

    def _run_inline(
        self,
        arrays: Sequence[Array],
        outs: Sequence[Array] | None,
        place: Place,
        more: Array | None = None,
    ) -> list[Array]:
        payload = np.empty(self._words, np.int64)
        data = payload.view(self._word)
        shaped = data if self._flat else data.reshape(self._single)
        if len(arrays) == 1:
            shaped[...] = arrays[0]
        else:
            for array, part in zip(arrays, self._slices):
                data[part] = array.reshape(-1)
        self.axis.exchange(self.digest, self.describe, self.text, place, more, self._how, payload)
        if self.operation == MEAN and divide(data, self.axis.size):
            with held_back():
                again = np.empty_like(payload)
                means = again.view(self._word)
                means[...] = np.concatenate([share(array, self._word, self.axis.size).reshape(-1) for array in arrays])
                self.axis.exchange(self.digest_again, self.describe, self.text, place, None, self._how, again)
                np.copyto(data, means, where=~np.isfinite(data))
        if len(arrays) == 1:
            if outs is not None:
                np.copyto(outs[0], shaped, casting="unsafe")
                return [outs[0]]
            return [shaped.astype(self.wires[0].result, copy=False)]
        return [
            _put(data[part].astype(wire.result).reshape(form.shape), None if outs is None else outs[index])
            for index, (part, form, wire) in enumerate(zip(self._slices, self.forms, self.wires))
        ]


class Bucket:
    """Arrays of one dtype that travel together."""

    def __init__(self, plan: Plan, indices: Sequence[int]) -> None:
        self.axis = plan.axis
        self.wire: Wire = plan.wires[indices[0]]
        self.indices = indices
        self.only = indices[0] if len(indices) == 1 else None
        self.ordered = plan.ordered and self.wire.carried.kind in "fc"
        self.in_place = plan.in_place
        self.mean = plan.operation == MEAN
        self.dtype = plan.forms[indices[0]].dtype
        self.shapes = [plan.forms[index].shape for index in indices]
        sizes = list(map(_size, self.shapes))
        self.total = sum(sizes)
        ends = list(accumulate(sizes))
        self.slices = [slice(end - size, end) for end, size in zip(ends, sizes)]
        self.reshaped = [number for number, shape in enumerate(self.shapes) if len(shape) != 1]
        # Vectors of one length are rows of a matrix, which is quicker to take apart.
        self.rows = (len(sizes), sizes[0]) if not self.reshaped and len(set(sizes)) == 1 else None
        self.native = native(plan.operation, self.wire.carried) if self.axis.size > 1 else None
        self._scratch = 0
        # The array that travels where results are copied from it, its parts, and whether no call uses it now.
        self._kept: tuple[Array, Sequence[Array]] = (None, ())
        self._spare: list[Array] = []

    def prepare(self, arrays: Sequence[Array], outs: Sequence[Array] | None) -> tuple[Array, Array, Array | None]:
        """The arrays to send, to receive into, and to work in; the first two are one where data had to be copied."""
        source, target = self._prepare(arrays, outs)
        return source, target, np.empty(self._scratch, np.uint8) if self._scratch else None

    def _prepare(self, arrays: Sequence[Array], outs: Sequence[Array] | None) -> tuple[Array, Array]:
        carried = self.wire.carried
        if self.only is None:
            spare = self._spare.pop() if outs is not None and self._spare else None
            target = np.empty(self.total, carried) if spare is None else spare
            if self.wire.carried == self.dtype:
                gathered = [arrays[index] for index in self.indices]
                np.concatenate(gathered, axis=None if self.reshaped else 0, out=target)
            else:
                for part, index in zip(self.slices, self.indices):
                    target[part] = arrays[index].reshape(-1)
            return target, target
        source = arrays[self.only]
        fits = outs is not None and self.wire.result == carried and is_plain(outs[self.only])
        # Means whose sums overflow are made from the terms.
        if outs is not None and fits and not (self.mean and np.may_share_memory(outs[self.only], source)):
            target = outs[self.only]
        else:
            target = np.empty(self.shapes[0], carried)
        # MPI reads the elements in the order of memory.
        if source.dtype == carried and source.flags.c_contiguous and source.flags.aligned and not self.in_place:
            return source, target
        np.copyto(target, source, casting="unsafe")
        return target, target

    def step(self) -> list[int]:
        """The step of the exchange that reduces over the ranks, but for the addresses."""
        from numbafunc.parallel import exchange

        datatype, operation, elements, itemsize, shared = self.native  # type: ignore[misc]
        facts = (0, 0, self.total * elements, itemsize, datatype, operation)
        if not self.ordered:
            return exchange.reduction(*facts, shared)
        self._scratch = exchange.scratch_bytes(self.total * elements, itemsize, self.axis.size)
        return exchange.ordered_reduction(*facts, self.axis.size)

    def deliver(self, target: Array, outs: Sequence[Array] | None, results: list[Array]) -> None:
        """Put the results into their places."""
        wire, travelled = self.wire, target
        if wire.result != wire.carried:
            target = target.view(np.bool_) if wire.result.kind == "b" else target.astype(wire.result)
        if self.only is not None:
            results[self.only] = _put(target, None if outs is None else outs[self.only])
            return
        kept, parts = self._kept
        if kept is not target:
            parts = self._parts(target)
        if outs is not None:
            chosen = outs if len(outs) == len(self.indices) else [outs[index] for index in self.indices]
            for out, part in zip(chosen, parts):
                out[...] = part
            if target is travelled and kept is None and target.nbytes <= _KEPT_BYTES:
                self._kept = kept, _ = target, parts
            if kept is travelled:  # the memory is free for the next call
                self._spare.append(travelled)
            parts = chosen
        if len(results) == len(self.indices):
            results[:] = parts
        else:
            for index, part in zip(self.indices, parts):
                results[index] = part

    def _parts(self, target: Array) -> Sequence[Array]:
        """The array of each operand in the one that travels, as a view."""
        if self.rows is not None:
            return list(target.reshape(self.rows))
        parts = list(map(target.__getitem__, self.slices))
        for number in self.reshaped:
            parts[number] = parts[number].reshape(self.shapes[number])
        return parts


class SingleCall:
    """Faster way to run a plan for one array that all ranks hold in plain memory.

    Parameters
    ----------
    plan : Plan
        Of a single array, on an axis of several ranks.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._axis = plan.axis
        wire = plan.wires[0]
        size = _size(plan.forms[0].shape)
        # The plan serves other calls: on one rank, in rank order, on empty arrays, and with results of another dtype.
        self.possible = plan.axis.size > 1 and not plan.ordered and size > 0 and wire.carried == wire.result
        if not self.possible:
            return
        self._shape = plan.forms[0].shape
        self.dtype = wire.result
        self._digest, self._describe, self._text = plan.digest, plan.describe, plan.text
        self._divide = plan.operation == MEAN
        self._copied = wire.carried != plan.forms[0].dtype or plan.in_place
        self._carried = wire.carried
        if not plan.inline:
            datatype, operation, elements, itemsize, shared = native(plan.operation, wire.carried)
            self._fixed = plan.axis.fixed(size * elements, itemsize, datatype, operation, shared)
            self._kernel = plan.axis.agree_and_reduce_kernel(wire.carried)
            self._nothing = np.zeros(0, np.int64)

    def __call__(self, x: Array, out: Array | None, place: Place) -> Array:
        """The result, in `out` if that is not None; it must fit."""
        plan = self._plan
        if plan.inline:
            return plan._run_inline((x,), None if out is None else (out,), place)[0]
        given = x
        if out is None or (self._divide and np.may_share_memory(out, x)):
            target = np.empty(self._shape, self._carried)
        else:
            target = out
        if self._copied or not is_plain(x):
            np.copyto(target, x, casting="unsafe")
            x = target
        data = target.ravel()
        source = data if x is target else x.ravel()
        self._axis.exchange_by(
            self._kernel,
            self._digest,
            self._describe,
            self._text,
            place,
            self._nothing,
            self._fixed,
            source,
            data,
        )
        if self._divide:
            plan._divide([target], [given], plan._again(place))
        return target if out is None else _put(target, out)


_SHOWN = 8


def _put(result: Array, out: Array | None) -> Array:
    if out is None or out is result:
        return result
    np.copyto(out, result)
    return out


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def plan_for(
    operation: str,
    arrays: Sequence[Any],
    axis: Axis,
    nest: Structure | str,
    reproducible: bool = False,
    started: bool = False,
) -> Plan:
    """The plan for arrays like these."""
    forms = tuple(map(form_of, arrays))
    key = (operation, nest, reproducible, started, forms)
    plan = axis.plans.get(key)
    if plan is None:
        text = nest if isinstance(nest, str) else "" if str(nest) == _SINGLE else str(nest)
        plan = Plan(axis, operation, [ArrayForm(*form) for form in forms], text, reproducible, started)
        axis.plans[key] = plan
    return plan


_SINGLE = str(flatten(0.0)[1])
