"""Entries of the cache that somebody else may have written never run, and nothing in the folder stops a program."""

import os
import shutil
import socket
import stat
import time
import warnings
from pathlib import Path

import pytest

from numbafunc.cpu import cache_folder
from numbafunc.errors import KernelCacheWarning

NAME = "ab" + "0" * 62
CONTENT = b"machine code"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_folder, "_warned", set())
    monkeypatch.setattr(cache_folder, "_trusted", {})
    monkeypatch.setattr(cache_folder, "_sizes", {})
    monkeypatch.setenv("NUMBAFUNC_CACHE_DIR", str(tmp_path / "cache"))
    cache_folder.write(NAME, CONTENT)
    assert cache_folder.read(NAME) == CONTENT
    cache_folder._trusted.clear()
    return tmp_path / "cache"


def entry(root):
    return root / NAME[:2] / f"{NAME}.kernel"


def with_owner(monkeypatch, changed, owner):
    """Let a file seem to belong to a user: only root can give files away."""
    lstat, fstat, inode = os.lstat, os.fstat, os.lstat(changed).st_ino

    def seen(status):
        words = list(status)
        words[4] = owner if status.st_ino == inode else words[4]
        return os.stat_result(words)

    monkeypatch.setattr(os, "lstat", lambda path: seen(lstat(path)))
    monkeypatch.setattr(os, "fstat", lambda handle: seen(fstat(handle)))
    monkeypatch.setattr(Path, "lstat", lambda path: seen(lstat(path)))


PLACES = {
    "entry": entry,
    "part": lambda root: entry(root).parent,
    "folder": lambda root: root,
    "above": lambda root: root.parent,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", [0o002, 0o020])
def test_what_others_can_change_is_not_read(root, place, mode, monkeypatch):
    monkeypatch.setattr(cache_folder, "_is_private", lambda group: False)
    path = PLACES[place](root)
    path.chmod(stat.S_IMODE(path.stat().st_mode) | mode)
    with pytest.warns(KernelCacheWarning, match=f"{path} can be changed by"):
        assert cache_folder.read(NAME) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one is enough
        assert cache_folder.read(NAME) is None
        cache_folder.write(NAME.replace("0", "1"), CONTENT)
    if place != "entry":
        assert [found.name for found in root.rglob("*.kernel")] == [entry(root).name]


@pytest.mark.parametrize("place", PLACES)
def test_what_belongs_to_another_user_is_not_read(root, place, monkeypatch):
    path = PLACES[place](root)
    with_owner(monkeypatch, path, 4321)
    monkeypatch.setattr(cache_folder, "_unknown_user", lambda: None)
    with pytest.warns(KernelCacheWarning, match=f"{path} belongs to the user with the number 4321"):
        assert cache_folder.read(NAME) is None
    monkeypatch.setenv("NUMBAFUNC_CACHE_OWNERS", "17, 4321")
    cache_folder._trusted.clear()
    assert cache_folder.read(NAME) == CONTENT


@pytest.mark.parametrize(("place", "trusted"), [("entry", False), ("folder", False), ("above", True)])
def test_users_whom_a_container_does_not_know(root, place, trusted, monkeypatch):
    with_owner(monkeypatch, PLACES[place](root), 65534)
    monkeypatch.setattr(cache_folder, "_unknown_user", lambda: 65534)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if trusted else "ignore")
        assert cache_folder.read(NAME) == (CONTENT if trusted else None)


def test_the_group_of_the_user_alone_may_write(root, monkeypatch):
    monkeypatch.setattr(cache_folder, "_is_private", lambda group: True)
    root.chmod(0o775)
    assert cache_folder.read(NAME) == CONTENT


def test_folders_where_all_may_create_files(root):
    root.parent.chmod(0o1777)
    assert cache_folder.read(NAME) == CONTENT


@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "dangling link", "socket", "device"])
def test_entries_that_are_no_files(root, kind, tmp_path, monkeypatch):
    path = entry(root)
    moved = tmp_path / "elsewhere"
    path.rename(moved)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(moved)
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "socket":
        monkeypatch.chdir(path.parent)  # the names of sockets are short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    else:
        path.symlink_to("/dev/zero")
    assert cache_folder.read(NAME) is None
    cache_folder.write(NAME, CONTENT)
    assert cache_folder.read(NAME) == (None if kind == "folder" else CONTENT)
    assert moved.read_bytes() == CONTENT


def test_link_in_place_of_a_part_of_the_folder(root, tmp_path):
    entry(root).parent.rename(tmp_path / "elsewhere")
    entry(root).parent.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(KernelCacheWarning, match="is a link"):
        assert cache_folder.read(NAME) is None


def test_link_to_the_whole_folder(root, tmp_path):
    root.rename(tmp_path / "elsewhere")
    root.symlink_to(tmp_path / "elsewhere")
    assert cache_folder.read(NAME) == CONTENT


def test_another_folder_of_the_same_name_is_looked_at_again(root, tmp_path, monkeypatch):
    open_to_all = tmp_path / "other" / "cache"
    shutil.copytree(root, open_to_all)
    open_to_all.chmod(0o777)
    link = tmp_path / "link"
    for turn in (lambda parent: monkeypatch.chdir(parent), lambda parent: link.symlink_to(parent / "cache")):
        for parent, content in ((tmp_path, CONTENT), (tmp_path / "other", None)):
            link.unlink(missing_ok=True)
            turn(parent)
            monkeypatch.setenv("NUMBAFUNC_CACHE_DIR", str(link) if link.exists() else "cache")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", KernelCacheWarning)
                assert cache_folder.read(NAME) == content


def test_entry_of_absurd_size(root):
    os.truncate(entry(root), 2**34)
    assert cache_folder.read(NAME) is None
    cache_folder.write(NAME, CONTENT)
    assert cache_folder.read(NAME) == CONTENT


def test_mask_that_lets_all_write(root):
    before = os.umask(0)
    try:
        cache_folder.write("cd" + NAME, CONTENT)
    finally:
        os.umask(before)
    assert cache_folder.read("cd" + NAME) == CONTENT
    assert {stat.S_IMODE(path.stat().st_mode) & 0o022 for path in root.rglob("*")} == {0}


def test_folder_that_can_only_be_read(root):
    for path in (entry(root), entry(root).parent, root):
        path.chmod(0o444 if path.is_file() else 0o555)
    assert cache_folder.read(NAME) == CONTENT
    for path in (root, entry(root).parent):
        path.chmod(0o755)


def test_folder_that_vanishes(root):
    entry(root).unlink()
    entry(root).parent.rmdir()
    root.rmdir()
    assert cache_folder.read(NAME) is None
    cache_folder.write(NAME, CONTENT)
    assert cache_folder.read(NAME) == CONTENT


def test_what_killed_processes_left_is_removed(root):
    left, young = (entry(root).parent / name for name in ("left.part", "young.part"))
    for path in (left, young):
        path.write_bytes(b"half")
    os.utime(left, (time.time() - 7200,) * 2)
    cache_folder.write(NAME[:-1] + "1", CONTENT)
    assert not left.exists()
    assert young.exists()


def test_least_recently_used_entries_make_room(root, monkeypatch):
    monkeypatch.setenv("NUMBAFUNC_CACHE_SIZE", "0.01")  # 10,485 bytes
    names = [f"{i:02x}" + NAME for i in range(12)]
    for i, name in enumerate(names[:10]):
        cache_folder.write(name, bytes(1000))
        os.utime(cache_folder._path(root, name, cache_folder.KERNEL), (1000 + i, 1000 + i))
    assert cache_folder.read(names[0]) == bytes(1000)  # now it is the one used last
    for name in names[10:]:
        cache_folder.write(name, bytes(1000))
    kept = [name for name in names if cache_folder.read(name) is not None]
    assert names[0] in kept
    assert names[1] not in kept
    assert sum(path.stat().st_size for path in root.rglob("*.kernel")) <= 10485
    assert kept[1:] == names[-len(kept) + 1 :]


def test_size_that_is_no_number(monkeypatch):
    monkeypatch.setattr(cache_folder, "_warned", set())
    monkeypatch.setenv("NUMBAFUNC_CACHE_SIZE", "much")
    with pytest.warns(KernelCacheWarning, match="NUMBAFUNC_CACHE_SIZE is 'much'; wanted: a number of MiB"):
        assert cache_folder.limit() == 2**30


def test_clear(root, tmp_path):
    (root / "other").write_text("not of the cache")
    assert cache_folder.clear() == (1, len(CONTENT))
    assert not list(root.rglob("*.kernel"))
    assert (root / "other").exists()


def test_user_without_a_home(programs, monkeypatch):
    program = """
        import os, pathlib, warnings
        def no_home():
            raise RuntimeError("Could not determine home directory.")
        pathlib.Path.home = no_home
        os.environ.pop("NUMBAFUNC_CACHE_DIR"), os.environ.pop("XDG_CACHE_HOME", None)
        import numbafunc
        with warnings.catch_warnings(record=True) as issued:
            warnings.simplefilter("always")
            print(float(numbafunc.tanh(0.0)), float(numbafunc.relu(2.0)))
        print([str(w.message)[:60] for w in issued])
    """
    assert programs.run(program).splitlines() == [
        "0.0 2.0",
        "['Compiled kernels are not kept, since there is no home folder']",
    ]
