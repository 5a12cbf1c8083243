"""Tables that can't grow beyond reason, for what is worked out once for calls of one form."""

from __future__ import annotations

import math
from typing import Any


class Bounded(dict[Any, Any]):
    """A table that forgets everything when another entry would be one too many."""

    def __init__(self, most: float = math.inf) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= self._most and key not in self:
            self.clear()
        super().__setitem__(key, value)
