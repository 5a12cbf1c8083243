"""Build the sdist and the wheel of the last commit, twice and in different places, and compare them byte by byte.

Run it as ``python release/build.py dist``. It needs git, and the packages build and setuptools. What is not committed
is not built. The date of all files is that of the commit, or SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def build(commit: str, epoch: int, folder: Path) -> list[Path]:
    """Build both from a fresh clone, the wheel from what the sdist has."""
    source, made = folder / "source", folder / "made"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(CHECKOUT), str(source)], check=True)
    subprocess.run(["git", "-C", str(source), "checkout", "--quiet", "--detach", commit], check=True)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(source)]
    settings = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    result = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stdout + result.stderr)
    (archive,) = made.glob("*.tar.gz")
    archive.write_bytes(normalized(archive.read_bytes(), epoch))
    return sorted(made.iterdir())


def normalized(archive: bytes, epoch: int) -> bytes:
    """An archive with members by name, of one date and no owner: setuptools takes these from the files it finds."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as given, tarfile.open(fileobj=packed, mode="w") as made:
        for member in sorted(given.getmembers(), key=lambda one: one.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            made.addfile(member, given.extractfile(member) if member.isfile() else None)
    return gzip.compress(packed.getvalue(), mtime=epoch)


def main(target: str) -> int:
    """Build, compare, print the digests and put the files into a folder."""
    os.umask(0o022)

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout.strip()

    commit = git("rev-parse", "HEAD")
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct", commit))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory(suffix="-again") as second:
        made, again = build(commit, epoch, Path(first)), build(commit, epoch, Path(second, "deeper"))
        different = [a.name for a, b in zip(made, again, strict=True) if a.read_bytes() != b.read_bytes()]
        Path(target).mkdir(parents=True, exist_ok=True)
        for path in made:
            print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
            shutil.copy(path, target)
    if different:
        print(f"not the same when built again: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
