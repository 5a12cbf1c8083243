"""What the logger ``numbafunc`` is told of: kernels that are compiled, or read from the cache, and how long it took."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

# The words that an identity begins with, which say what is done and for which op.
_WORD = re.compile(r"""[(,] ?(?:'([^']*)'|"([^"]*)")""")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TYPE = re.compile(r"\b(?:u?int|float|complex)\d+\b|\bbool\b")

# How a tangent shows among the keys of an operand.
_TANGENT = "((0, 0),)"


def op_of(identity: str | None) -> str:
    """The op that a kernel is for, in words: ``reduction rows softmax``, ``elementwise sigmoid with tangents``."""
    if identity is None:
        return "function without identity"
    words, end = [], 0
    while (found := _WORD.match(identity, end)) is not None:
        word = found[1] or found[2] or ""
        end = found.end()
        if _TYPE.fullmatch(word):
            break
        words.append("definition " + word[:8] if _DIGEST.fullmatch(word) else word.rpartition(".")[2].lstrip("_"))
    text = " ".join(words) or _headline(identity.partition("\n")[0])
    return f"{text} with tangents" if _TANGENT in identity else text


def _headline(line: str) -> str:
    """What is said of a kernel in a line of its own, up to the digest of a user's function."""
    found = _DIGEST.search(line)
    return line[:60] if found is None else line[: found.start() + 8]


def dtypes_of(signature: Any) -> str:
    """The types of numbers among the arguments of a kernel, each once."""
    return ", ".join(dict.fromkeys(_TYPE.findall(str(signature)))) or "no numbers"


class CompileTimer:
    """The time since a kernel was looked for in the cache, for what is then logged of it."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def log(self, identity: str | None, signature: Any, *, cache_hit: bool) -> None:
        """Log what became of it, at level INFO, with these facts as attributes of the record too."""
        logger = logging.getLogger("numbafunc")
        if logger.isEnabledFor(logging.INFO):
            seconds = time.perf_counter() - self.start
            op, dtype = op_of(identity), dtypes_of(signature)
            logger.info(
                "read from the cache: %s, %s, in %.3f s" if cache_hit else "compiled: %s, %s, in %.3f s",
                *(op, dtype, seconds),
                extra={
                    **{"op": op, "dtype": dtype, "seconds": seconds, "cache_hit": cache_hit},
                    "kernel": f"{identity} {signature}",
                },
            )


__all__ = ["CompileTimer", "dtypes_of", "op_of"]
