"""Every public name has its place in the documentation."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import sys
from pathlib import Path

import docstring_blocks
import pytest

import numbafunc

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def function_pages(monkeypatch):
    """The module that writes the pages of functions."""
    monkeypatch.syspath_prepend(DOCS)
    yield importlib.import_module("function_pages")
    for name in [name for name in sys.modules if name.partition(".")[0] in ("function_pages", "pictures")]:
        del sys.modules[name]


def is_error(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, Exception)


def public_names() -> set[str]:
    names = set()
    for name in numbafunc.__all__:
        value = getattr(numbafunc, name)
        if not inspect.ismodule(value):
            names.add(name)
            continue
        for inner in getattr(value, "__all__", vars(value)):
            member = getattr(value, inner)
            if inner.startswith("_"):
                continue
            own = getattr(member, "__module__", "")
            function = inspect.isfunction(member) and own.startswith("numbafunc.")
            if function or (is_error(member) and own == value.__name__):
                names.add(f"{name}.{inner}")
    return names


def test_the_documentation_has_a_page_for_each_public_name(function_pages) -> None:
    listed = [name for names in function_pages.tree().values() for name in names]
    assert sorted(listed) == sorted(public_names())
    assert function_pages.pictures.OF_FUNCTIONS.keys() | function_pages.SOUGHT.keys() <= public_names()


def test_every_activation_and_every_loss_has_a_picture(function_pages) -> None:
    drawn = set(function_pages.pictures.OF_FUNCTIONS)
    for group, names in function_pages.tree().items():
        if group.file in ("activation", "softmax", "loss", "pooling", "padding", "selection"):
            assert set(names) <= drawn, group.title


def test_pages_tell_accuracy_and_cost_where_they_are_measured(function_pages) -> None:
    text = function_pages.page("sigmoid", numbafunc.sigmoid)
    assert "float32 inputs the largest error is" in text
    assert "      - 1e6\n" in text
    assert "Accuracy" not in function_pages.page("scan", numbafunc.scan)


def test_every_public_name_has_a_complete_docstring() -> None:
    incomplete = {}
    for name in public_names():
        value = numbafunc
        for part in name.split("."):
            value = getattr(value, part)
        if is_error(value):
            continue
        enumeration = inspect.isclass(value) and issubclass(value, enum.Enum)  # which nobody calls
        wanted = ("Examples",) if enumeration else ("Parameters", "Raises", "Examples")
        missing = [section for section in wanted if section not in (value.__doc__ or "")]
        headings = re.findall(r"^ *(\w[\w ]*)\n *-{3,}$", value.__doc__ or "", re.MULTILINE)
        missing += [f"{section} once" for section in headings if headings.count(section) > 1]
        if missing:
            incomplete[name] = missing
    assert not incomplete


def test_every_name_in_the_documentation_exists() -> None:
    pages = [file for file in DOCS.rglob("*.rst") if file.parent.name in ("docs", "how-to", "explanation")]
    assert len(pages) > 20
    missing = []
    for page in pages:
        for name in re.findall(r"(?<![\w/.-])numbafunc((?:\.[a-zA-Z_]\w*)+)", page.read_text()):
            value = numbafunc
            for place, part in enumerate(name[1:].split("."), 1):
                try:  # a module that has not been imported is no attribute yet
                    value = getattr(value, part, None) or importlib.import_module(f"{value.__name__}.{part}")
                except (ImportError, AttributeError):
                    missing.append((page.name, name, place))
                    break
    assert not missing


def test_promises_name_tests_that_exist() -> None:
    named = re.findall(r"``(tests/[\w/.]+)``", (DOCS / "explanation" / "promises.rst").read_text())
    assert len(named) > 10
    assert [name for name in named if not (DOCS.parent / name).exists()] == []


def test_the_notebook_of_the_tutorial_runs(monkeypatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    made = importlib.import_module("notebook").notebook(DOCS / "tutorial.rst")["cells"]
    names: dict[str, object] = {}
    for cell in made:
        assert ".. " not in cell["source"]
        assert ":`" not in cell["source"]
        if "raises-exception" in cell["metadata"].get("tags", []):
            with pytest.raises(TypeError):
                exec(cell["source"], names)
        elif cell["cell_type"] == "code":
            exec(cell["source"], names)
    assert names["right"] == 1.0
    assert {cell["cell_type"] for cell in made} == {"code", "markdown"}


def test_what_several_docstrings_share_is_told_once() -> None:
    assert not docstring_blocks.unlisted(), "add these to BLOCKS in tests/support/docstring_blocks.py"
    assert not docstring_blocks.unused()
    assert not list(docstring_blocks.drifted())


def test_a_block_is_replaced_everywhere(tmp_path) -> None:
    text = "    x : array_like\n        Real numbers of any\n        shape. Integers are taken as float64.\n"
    source = f'def f(x):\n    """Name.\n\n    Parameters\n    ----------\n{text}    """\n'
    (tmp_path / "module.py").write_text(source)
    before = Path(docstring_blocks.__file__).read_text()
    try:
        docstring_blocks.replace("real", "Numbers.", tmp_path)
        assert "    x : array_like\n        Numbers.\n" in (tmp_path / "module.py").read_text()
        assert '"Numbers."' in Path(docstring_blocks.__file__).read_text()
    finally:
        Path(docstring_blocks.__file__).write_text(before)
