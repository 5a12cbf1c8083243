"""Defaults of options that are told from the same value given by a caller."""

from __future__ import annotations

from typing import Any


class Unset:
    """The default of an option that is refused where it has no effect, even if its value is the default one."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


__all__ = ["Unset"]
