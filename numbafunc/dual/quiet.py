"""Computation of tangents without floating-point warnings: NumPy has computed the value, and warned where needed.

For small arrays ``numpy.errstate`` takes longer than what is computed in it, as it puts together anew at each entry
what NumPy then keeps in a context variable. Here that is made once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from functools import partial, wraps
from typing import Any, TypeVar, cast

import numpy as np

_Function = TypeVar("_Function", bound=Callable[..., Any])

_context = Context()
_context.run(np.seterr, all="ignore")
(_variable,) = _context  # the only one that is set in a new context
_IGNORED = _context[_variable]

begin_quiet = partial(_variable.set, _IGNORED)
"""What the context does at its entry; the result is for ``end_quiet``. The rules in most use call these themselves."""

end_quiet = _variable.reset


class quiet:
    """Context of a ``with`` statement, as ``numpy.errstate(all="ignore")`` is."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = begin_quiet()

    def __exit__(self, *exception: object) -> None:
        end_quiet(self._token)


def quietly(function: _Function) -> _Function:
    """Decorator of a function that runs in this context; it takes less time than the class."""

    @wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        token = begin_quiet()
        try:
            return function(*args, **options)
        finally:
            end_quiet(token)

    return cast("_Function", run)
