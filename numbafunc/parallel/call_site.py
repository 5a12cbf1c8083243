"""Place of a collective call in the user's program."""

from __future__ import annotations

import os
from hashlib import blake2b
from types import FrameType

from numbafunc.bounded import Bounded

_BY_NAME_ONLY = "NUMBAFUNC_MPI_CALL_SITES"


class Place:
    """A line of a file.

    Attributes
    ----------
    digest : int
        Digest of the file's name and the line, without the folder, which may differ between nodes. 0 for all places if
        ``NUMBAFUNC_MPI_CALL_SITES`` is 0.
    """

    __slots__ = ("_text", "digest")

    def __init__(self, text: str) -> None:
        self._text = text
        name = text.replace("\\", "/").rpartition("/")[2]
        content = blake2b(name.encode(), digest_size=8).digest()
        counts = os.environ.get(_BY_NAME_ONLY) != "0"
        self.digest = int.from_bytes(content, "little", signed=True) if counts else 0

    @classmethod
    def of(cls, frame: FrameType) -> Place:
        """The line that a frame of the Python stack is at."""
        code = frame.f_code
        key = (id(code), frame.f_lasti)
        known = _known.get(key)
        if known is None or known[0] is not code:
            known = _known[key] = (code, cls(f"{code.co_filename}:{frame.f_lineno}"))
        return known[1]

    @classmethod
    def nowhere(cls) -> Place:
        """A place that is the same on all ranks."""
        return cls("exit")

    def __str__(self) -> str:
        return self._text


_known = Bounded(4096)
