"""Tables of bounded size, for results that are worked out once for calls of the same description."""

from __future__ import annotations

import math
from typing import Any


class Bounded(dict[Any, Any]):
    """A table that is emptied when another item would be one too many."""

    def __init__(self, most: float = math.inf) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self._most and key not in self:
            self.clear()
        super().__setitem__(key, value)
