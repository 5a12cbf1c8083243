"""Named tuples of numbers inside a user's compiled function that is differentiated.

Numba finds no common type of named tuples whose fields differ. It need not: those of floats are alike. Of numbers, a
field that begins as a constant and becomes a number in a loop is not, so the tuple gets the common type of each field.
"""

from __future__ import annotations

import itertools
from typing import Any

from numba import extending
from numba.core import cgutils, types

from numbafunc.numbers.numba_type import NumberType

_KINDS = (types.NamedTuple, types.NamedUniTuple)


def _unify(self: Any, typingctx: Any, other: Any) -> Any:
    """The named tuple that holds both; None, as for all others, where no field is a number."""
    if not isinstance(other, _KINDS) or other.instance_class is not self.instance_class:
        return None
    parts = [typingctx.unify_pairs(one, two) for one, two in zip(self.types, other.types)]
    if not any(isinstance(getattr(part, "dtype", part), NumberType) or isinstance(part, NumberType) for part in parts):
        return None
    if None in parts:
        return None
    if all(part == parts[0] for part in parts):
        return types.NamedUniTuple(parts[0], len(parts), self.instance_class)
    return types.NamedTuple(parts, self.instance_class)


def _cast(context: Any, builder: Any, source: Any, target: Any, value: Any) -> Any:
    fields = cgutils.unpack_tuple(builder, value)
    changed = [context.cast(builder, *given) for given in zip(fields, source.types, target.types)]
    return context.make_tuple(builder, target, changed)


for _kind in _KINDS:
    _kind.unify = _unify
for _source, _target in itertools.product(_KINDS, repeat=2):
    extending.lower_cast(_source, _target)(_cast)
