"""What is in the folder of cached kernels: entries whose names are digests of all that their contents depend on.

So an entry is never changed, only created. It repeats what the digest is made of and has a checksum; one that does not
match is ignored.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from numbafunc.cpu import cache_folder
from numbafunc.cpu.compile_log import dtypes_of, op_of

_MAGIC = b"numbafunc kernel 2\n"

_LONGEST_KEY = 2**20  # bytes of a key that are read to describe an entry


def read(key: bytes, suffix: str = cache_folder.KERNEL) -> bytes | None:
    """The content of an entry, if it is whole."""
    content, head = cache_folder.read(_name(key), suffix), _head(key)
    if content is None:
        return None
    payload = content[len(head) + 32 :]
    whole = content.startswith(head) and hashlib.sha256(payload).digest() == content[len(head) : len(head) + 32]
    return payload if whole else None


def keep(key: bytes, payload: bytes, suffix: str = cache_folder.KERNEL) -> None:
    """Make an entry."""
    cache_folder.write(_name(key), _head(key) + hashlib.sha256(payload).digest() + payload, suffix)


def packed(facts: dict[str, Any], *parts: bytes) -> bytes:
    """A payload of some facts, as JSON, and of parts that are taken as they are."""
    words = json.dumps({**facts, "parts": [len(part) for part in parts]}).encode()
    return words + b"\n" + b"".join(parts)


def unpacked(payload: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """What :func:`packed` was given; ValueError for anything else."""
    words, _, rest = payload.partition(b"\n")
    facts = json.loads(words)
    lengths = facts.pop("parts", None) if isinstance(facts, dict) else None
    if not isinstance(lengths, list) or sum(lengths) != len(rest):
        raise ValueError("its parts are not all there")
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    return facts, [rest[end - length : end] for end, length in zip(ends, lengths)]


def contents(root: Path) -> list[tuple[str, str, int, float]]:
    """What is in a folder of kernels: of each the op, its dtypes, bytes, and when it was last used, newest first."""
    found = []
    for entry in cache_folder.entries(root):
        with contextlib.suppress(OSError):
            if entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                op, dtypes = _described(Path(entry.path))
                found.append((op, dtypes, status.st_size, max(status.st_atime, status.st_mtime)))
    return sorted(found, key=lambda one: -one[3])


def _described(path: Path) -> tuple[str, str]:
    """The op and the dtypes of an entry, by what its digest is made of."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "not a kernel", ""
        key = file.read(min(int.from_bytes(file.read(8), "little"), _LONGEST_KEY))
    try:
        _, identity, *others = ast.parse(key.decode(), mode="eval").body.elts[:3]  # type: ignore[attr-defined]
        return op_of(ast.literal_eval(identity)), dtypes_of(ast.literal_eval(others[0])) if others else ""
    except (AttributeError, SyntaxError, ValueError):
        return "not a kernel", ""


def _name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _head(key: bytes) -> bytes:
    return _MAGIC + len(key).to_bytes(8, "little") + key


__all__ = ["contents", "keep", "packed", "read", "unpacked"]
