"""Place of a collective call in the user's program."""

from __future__ import annotations

import os
from hashlib import blake2b
from types import FrameType
from typing import TYPE_CHECKING, Any

from numbafunc.bounded import Bounded

if TYPE_CHECKING:
    from numbafunc.parallel.agreement import Text

_BY_NAME_ONLY = "NUMBAFUNC_MPI_CALL_SITES"


class Place:
    """A line of a file, with the name that the user gives the call there.

    Attributes
    ----------
    line : str
        The file and the number of the line.
    digest : int
        Digest of the file's name and the line, without the folder, which may differ between nodes, and of the name of
        the call. Lines don't count if ``NUMBAFUNC_MPI_CALL_SITES`` is 0.
    address : int
        Of the text that compiled code sends; 0 until :meth:`send` has made it.
    """

    __slots__ = ("_name", "_text", "address", "digest", "line")

    def __init__(self, line: str, name: str | None = None) -> None:
        self.line = line
        self._name = name
        self._text: Text | None = None
        self.address = 0
        counts = os.environ.get(_BY_NAME_ONLY) != "0"
        self.digest = _digest(line.replace("\\", "/").rpartition("/")[2]) if counts else 0
        if name is not None:
            self.digest ^= _digest(f"name {name}")

    @classmethod
    def of(cls, frame: FrameType, name: Any = None) -> Place:
        """The line that a frame of the Python stack is at."""
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name is {name!r}; wanted: a string")
        code = frame.f_code
        key = (id(code), frame.f_lasti, name)
        known = _known.get(key)
        if known is None or known[0] is not code:
            known = _known[key] = (code, cls(f"{code.co_filename}:{frame.f_lineno}", name))
        return known[1]

    @classmethod
    def nowhere(cls) -> Place:
        """A place that is the same on all ranks."""
        return cls("exit")

    def send(self) -> int:
        """The address of the text, which is made now."""
        from numbafunc.parallel.agreement import PLACE_BYTES, Text

        text = str(self)
        # Of what is too long the end counts: the line and the name.
        self._text = Text(text if len(text) < _LONG else f"... {text[-_LONG:]}", PLACE_BYTES)
        self.address = self._text.address
        return self.address

    def __str__(self) -> str:
        return self.line if self._name is None else f"{self.line}, named {self._name!r}"


def digest_of(*facts: Any) -> int:
    """Digest of facts, equal in all processes, as a signed integer of 64 bits."""
    return _digest(repr(facts))


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


_LONG = 250  # in characters, of up to four bytes
_known = Bounded(4096)
