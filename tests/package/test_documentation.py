"""Every public name has its place in the documentation."""

from __future__ import annotations

import enum
import inspect
from pathlib import Path

import docstring_blocks

import numbafunc

API = Path(__file__).parent.parent.parent / "docs" / "api.rst"


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


def test_the_documentation_lists_what_is_public() -> None:
    listed = {line.strip() for line in API.read_text().splitlines() if line.startswith("    ") and ":" not in line}
    assert listed == public_names()


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
        if missing:
            incomplete[name] = missing
    assert not incomplete


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
