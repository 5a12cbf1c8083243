"""What a release is made of: files that can be built again, one version, recipes that agree with the package."""

from __future__ import annotations

import configparser
import importlib.util
import io
import re
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

import numbafunc

CHECKOUT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, CHECKOUT / "release" / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def archive(folder: Path, names: list[str], mtime: int, mode: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as made:
        for name in names:
            member = tarfile.TarInfo(name)
            member.mtime, member.mode, member.uid, member.uname = mtime + 0.5, mode, mtime % 7, f"user{mtime}"
            member.size = len(name)
            made.addfile(member, io.BytesIO(name.encode()))
    return packed.getvalue()


def test_archives_depend_on_what_is_in_them_alone(tmp_path: Path) -> None:
    build = script("build")
    one = archive(tmp_path, ["a/b", "a/c"], 10**9, 0o600)
    other = archive(tmp_path, ["a/c", "a/b"], 10**9 + 1, 0o664)
    assert one != other
    assert build.normalized(one, 5) == build.normalized(other, 5)
    with tarfile.open(fileobj=io.BytesIO(build.normalized(one, 5))) as made:
        assert [(m.name, m.mtime, m.mode, m.uname) for m in made] == [("a/b", 5, 0o644, ""), ("a/c", 5, 0o644, "")]
        assert made.extractfile("a/c").read() == b"a/c"  # type: ignore[union-attr]


def test_the_version_is_in_one_place() -> None:
    files = ("pyproject.toml", "CITATION.cff", "release/conda/meta.yaml", "docs/conf.py", "MANIFEST.in")
    assert not [name for name in files if numbafunc.__version__ in (CHECKOUT / name).read_text()]
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", numbafunc.__version__)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs tomllib")
def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    import tomllib

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = {word.partition(";")[0].replace(" ", "") for word in project["dependencies"]}
    run = (CHECKOUT / "release/conda/meta.yaml").read_text().partition("  run:\n")[2].partition("\n\n")[0]
    assert {line.strip("- ").replace(" ", "") for line in run.splitlines()} == {
        *wanted,
        f"python{project['requires-python']}",
    }


def test_workflows_run_environments_of_tox() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini")
    there = {name.removeprefix("testenv:") for name in tox.sections()}
    text = "".join(path.read_text() for path in (CHECKOUT / ".github/workflows").iterdir())
    text = re.sub("#.*", "", text)
    called = set(re.findall(r"env: ([\w-]+)|tox run -e ([\w-]+)", text))
    listed = re.search(r"env: \[(.+)\]", text)
    assert listed is not None
    names = {name for pair in called for name in pair if name} | set(listed[1].split(", "))
    assert len(names) > 15
    assert {name for name in names if not re.fullmatch(r"py3\d+", name)} <= there
