"""Registration of the functions that recorders know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numbafunc.dual.recorder import RECORDED

Step = TypeVar("Step", bound=Callable[..., Any])


def records(*functions: Any) -> Callable[[Step], Step]:
    """Register the decorated function as the one that records `functions`."""

    def decorate(step: Step) -> Step:
        for function in functions:
            if function in RECORDED:
                raise RuntimeError(f"recorders know {function.__name__} already")
            RECORDED[function] = step
        return step

    return decorate
