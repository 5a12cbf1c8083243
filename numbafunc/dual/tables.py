"""The tables of the rules by which NumPy's functions act on dual arrays; :mod:`numbafunc.rules` fills them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

UFUNC_RULES: dict[Callable[..., Any], Callable[..., Any]] = {}
"""The rule of each ufunc, called with its operands, of which at least one is a Dual; also of the functions of
:mod:`numbafunc.numbers.elementary` that are not ufuncs."""


FUNCTION_RULES: dict[Callable[..., Any], Callable[..., Any]] = {}
"""The rule of each other function of NumPy, called with the user's arguments; also of indexing and assignment, by the
functions of the standard module `operator`."""


UFUNC_METHODS: dict[str, Callable[..., Any]] = {}
"""The rule of each method of ufuncs (reduce, at, ...), called with the ufunc and the arguments; `call` is the ufunc
itself with options."""


HOOKS: dict[str, Callable[..., Any]] = {}
"""Other functions that dual arrays call, by name: ``find_ufunc_rule(ufunc)`` gives the rule of a ufunc that the
table lacks, or None; ``reduce(x)`` tells pickle how to restore a dual array; ``show(x)`` gives a blank dual
array as a plain one; the others are in :mod:`numbafunc.rules.blanks` and :mod:`numbafunc.rules.in_place`."""
