"""The folder of cached kernels, to which nobody but the user, or root, may be able to write.

An entry is machine code that runs as soon as it is read, whatever its format; so who can write to it can do all that
the user can. Entries are therefore read only from files and folders that nobody but the user and root can change, up
to the root of the file system. Folders in which all may create files, but not touch those of others (``/tmp``), are
fine: there the owner of a file tells who wrote it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from numbafunc.errors import KernelCacheWarning

KERNEL, NOTE, _UNFINISHED = ".kernel", ".settings", ".part"

_DAY, _HOUR = 86400, 3600  # seconds

_LARGEST = 2**28  # bytes of an entry that is read: kernels have less than a thousandth of that

# Without os.getuid there are no owners to look at: Windows gives each user a folder of their own.
_HAS_OWNERS = hasattr(os, "getuid")

_BINARY = getattr(os, "O_BINARY", 0)

_warned: set[str] = set()


def folder() -> Path | None:
    """Folder of the cached kernels: ``NUMBAFUNC_CACHE_DIR``, or ``numbafunc`` in the user's cache folder.

    None where the user has none: without HOME and without an entry among the system's users.
    """
    chosen = os.environ.get("NUMBAFUNC_CACHE_DIR")
    if chosen:
        return Path(chosen)
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local", "numbafunc", "Cache")
        if sys.platform == "darwin":
            return Path.home() / "Library/Caches/numbafunc"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "numbafunc")
    except RuntimeError:
        return None


def limit() -> int:
    """How many bytes the entries may have together: ``NUMBAFUNC_CACHE_SIZE`` in MiB, 1024 by default."""
    text = os.environ.get("NUMBAFUNC_CACHE_SIZE", "1024")
    try:
        return max(int(float(text) * 2**20), 0)
    except (ValueError, OverflowError):
        warn_once(f"NUMBAFUNC_CACHE_SIZE is {text!r}; wanted: a number of MiB. 1024 is used.")
        return 2**30


def read(name: str, suffix: str = KERNEL) -> bytes | None:
    """The content of an entry; None if there is none that can be trusted."""
    root = _trusted_folder()
    if root is None:
        return None
    path = _path(root, name, suffix)
    try:
        if not _is_trusted(path.parent, os.lstat(path.parent)) or not _is_entry(path, os.lstat(path)):
            return None
        # Were it replaced by a pipe in between, opening would wait for a writer.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not _is_entry(path, status) or status.st_size > _LARGEST:
                return None
            content = file.read()
    except OSError:
        return None
    if time.time() - status.st_atime > _DAY:  # many file systems don't note when a file is read
        with contextlib.suppress(OSError):
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
    return content


def write(name: str, content: bytes, suffix: str = KERNEL) -> None:
    """Keep an entry, if the folder can be used and trusted; where there is no space for it, it is not kept."""
    root = _trusted_folder()
    if root is None:
        return
    path = _path(root, name, suffix)
    with contextlib.suppress(OSError):
        _make(path.parent)
        if _trusted_folder() is None or not _is_trusted(path.parent, os.lstat(path.parent)):
            return
        _sweep(path.parent)
        _write(path, content)
        _bound(root, len(content))


def can_keep() -> bool:
    """Whether entries can be kept, and read again; where that would not be safe, a warning says why."""
    import secrets

    name = secrets.token_hex(8)
    write(name, b"", _UNFINISHED)
    kept, root = read(name, _UNFINISHED) is not None, folder()
    if root is not None:
        with contextlib.suppress(OSError):
            _path(root, name, _UNFINISHED).unlink()
    return kept


def entries(root: Path, *suffixes: str) -> Iterator[os.DirEntry[str]]:
    """The entries in a folder: its kernels, or those with other suffixes."""
    with contextlib.suppress(OSError):
        for part in os.scandir(root):
            if len(part.name) == 2 and part.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    yield from (entry for entry in os.scandir(part.path) if entry.name.endswith(suffixes or KERNEL))


def clear() -> tuple[int, int]:
    """Remove all entries; how many kernels there were, and their bytes."""
    root, count, total = folder(), 0, 0
    for entry in [] if root is None else list(entries(root, KERNEL, NOTE)):
        with contextlib.suppress(OSError):
            size = entry.stat(follow_symlinks=False).st_size
            Path(entry.path).unlink()
            if entry.name.endswith(KERNEL):
                count, total = count + 1, total + size
    return count, total


def warn_once(text: str) -> None:
    """Issue a warning about the cache, once in a process."""
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, KernelCacheWarning, stacklevel=2)


# ---- trust

_trusted: dict[Path, bool] = {}


def _trusted_folder() -> Path | None:
    """The folder, unless somebody else can write to it or to a folder above it, which is warned of once.

    It is the one behind all links, and behind the working directory of this moment, so that what is read is what has
    been looked at.
    """
    chosen = folder()
    if chosen is None:
        warn_once(
            "Compiled kernels are not kept, since there is no home folder; NUMBAFUNC_CACHE_DIR can name one for them."
        )
        return None
    try:
        root = Path(os.path.realpath(chosen))
    except OSError:  # there is no working directory
        return None
    found = _trusted.get(root)
    if found is None:
        try:
            existing = [path for path in (root, *root.parents) if path.exists()]
            found = all(_is_trusted(path, path.lstat(), above=path != root) for path in existing)
        except OSError:
            return None
        if root in existing:
            _trusted[root] = found
    return root if found else None


def _is_entry(path: Path, status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and _is_trusted(path, status)


def _is_trusted(path: Path, status: os.stat_result, *, above: bool = False) -> bool:
    """Whether only the user and root can change a file, or what is in a folder."""
    if not _HAS_OWNERS:
        return True
    mode = status.st_mode
    alone = stat.S_ISDIR(mode) and mode & stat.S_ISVTX  # all may create files there, and remove their own only
    if stat.S_ISLNK(mode):
        reason = "is a link"
    elif status.st_uid not in _owners() and not (above and status.st_uid == _unknown_user()):
        reason = f"belongs to the user with the number {status.st_uid}"
    elif mode & stat.S_IWOTH and not alone:
        reason = "can be changed by all users"
    elif mode & stat.S_IWGRP and not alone and not _is_private(status.st_gid):
        reason = f"can be changed by the group with the number {status.st_gid}"
    else:
        return True
    warn_once(
        f"The cache of compiled kernels in {folder()} is not used: {path} {reason}, and what is there runs as you. "
        "NUMBAFUNC_CACHE_DIR can name another folder. For a folder that another user has filled for you, "
        "NUMBAFUNC_CACHE_OWNERS takes the numbers of users whose machine code you run, with commas between."
    )
    return False


def _owners() -> set[int]:
    """The users whose entries are read: this one, root, and those in ``NUMBAFUNC_CACHE_OWNERS``."""
    chosen = os.environ.get("NUMBAFUNC_CACHE_OWNERS", "")
    return {0, os.geteuid(), *(int(word) for word in chosen.split(",") if word.strip().isdecimal())}


@cache
def _unknown_user() -> int | None:
    """The number that stands for users whom a container doesn't know, as root is in many; None outside of one."""
    try:
        known = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
        if known == ["0", "0", "4294967295"]:
            return None
        return int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _is_private(number: int) -> bool:
    """Whether a group is the user's own: many systems give each user one, which may write to the user's files."""
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(number), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


# ---- files


def _path(root: Path, name: str, suffix: str) -> Path:
    return root / name[:2] / f"{name}{suffix}"


def _make(path: Path) -> None:
    """Make a folder and those above it, so that others can't write to them whatever the user's mask allows."""
    if not path.exists():
        _make(path.parent)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o755)


def _write(path: Path, content: bytes) -> None:
    import secrets

    temporary = path.parent / f"{secrets.token_hex(8)}{_UNFINISHED}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o644)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _sweep(parent: Path) -> None:
    """Remove what processes that were killed while they wrote have left."""
    for entry in os.scandir(parent):
        if entry.name.endswith(_UNFINISHED) and time.time() - entry.stat(follow_symlinks=False).st_mtime > _HOUR:
            with contextlib.suppress(OSError):
                Path(entry.path).unlink()


_sizes: dict[Path, int] = {}  # bytes of the entries in a folder, as far as this process knows


def _bound(root: Path, added: int) -> None:
    """Remove the entries that have been used least recently, if all together exceed the limit."""
    most = limit()
    if root in _sizes and _sizes[root] + added <= most:
        _sizes[root] += added
        return
    found = []
    for entry in entries(root, KERNEL, NOTE):
        with contextlib.suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            found.append((max(status.st_atime, status.st_mtime), status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    if total > most:
        for _, size, path in sorted(found):
            if total <= 0.9 * most:  # so that the next entries don't cause another walk through the folder
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
                total -= size
    _sizes[root] = total


__all__ = ["KERNEL", "NOTE", "can_keep", "clear", "entries", "folder", "limit", "read", "warn_once", "write"]
