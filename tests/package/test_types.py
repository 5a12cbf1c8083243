"""The stubs: they name what is there, and type checkers learn from them what values have at run time."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, get_args, get_origin

import numpy as np
import pytest
import typing_extensions

import numbafunc

SUPPORT = Path(__file__).parent.parent / "support"
RIGHT, WRONG = SUPPORT / "typed_program.py", SUPPORT / "wrong_types.py"
PACKAGES = (
    *("numbafunc", "numbafunc.autodiff", "numbafunc.divergence", "numbafunc.loss", "numbafunc.parallel"),
    *("numbafunc.scipy", "numbafunc.scipy.linalg", "numbafunc.scipy.special"),
)
BY_NAME = {"has_aux", "return_sign", "compute_uv"}  # where they say what is returned; then so are those behind them
NOT_STARRED = {"autodiff", "elementary", "numpy", "scipy"}


def stub_of(module: ModuleType) -> ast.Module:
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).with_suffix(".pyi").read_text())


def parameters_of(node: ast.FunctionDef) -> list[tuple[str, Any]]:
    """Names and kinds of the parameters that a stub declares."""
    kinds = inspect.Parameter
    given = node.args
    found: list[tuple[str, Any]] = [(a.arg, kinds.POSITIONAL_OR_KEYWORD) for a in (*given.posonlyargs, *given.args)]
    found += [(given.vararg.arg, kinds.VAR_POSITIONAL)] if given.vararg else []
    found += [(a.arg, kinds.KEYWORD_ONLY) for a in given.kwonlyargs]
    return found + ([(given.kwarg.arg, kinds.VAR_KEYWORD)] if given.kwarg else [])


@pytest.mark.parametrize("name", PACKAGES)
def test_stubs_name_what_is_there(name: str) -> None:
    module = importlib.import_module(name)
    stub = stub_of(module)
    public = set(module.__all__)
    imported = {a.asname for node in stub.body if type(node) is ast.ImportFrom for a in node.names if a.asname}
    # The names that SciPy has beside these are told from no others.
    functions = [node for node in stub.body if type(node) is ast.FunctionDef and node.name != "__getattr__"]
    defined = {node.name for node in stub.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert (imported - NOT_STARRED) | (defined & public) == public
    assert {node.name for node in functions} <= public
    listed = [ast.literal_eval(n.value) for n in stub.body if type(n) is ast.Assign and n.targets[0].id == "__all__"]  # type: ignore[attr-defined]
    assert all(sorted(names) == sorted(public) for names in listed)
    for node in functions:
        had = inspect.signature(getattr(module, node.name)).parameters.values()
        told = parameters_of(node)
        named = [name for name, kind in told if kind is inspect.Parameter.KEYWORD_ONLY]
        loose = {*named} if named and named[0] in BY_NAME else set()
        wanted = sorted((p.name, None if p.name in loose else p.kind) for p in had)
        assert sorted((name, None if name in loose else kind) for name, kind in told) == wanted, node.name


def agrees(value: Any, stated: Any) -> bool:
    """Whether a value is of the type that a checker is told."""
    if stated is Any:
        return True
    origin, arguments = get_origin(stated) or stated, get_args(stated)
    if origin is UnionType:
        return any(agrees(value, one) for one in arguments)
    if origin is np.ndarray:
        kind = get_args(arguments[1])[0]
        kinds = object if kind is Any else get_origin(kind) or kind
        return isinstance(value, np.ndarray) and issubclass(value.dtype.type, kinds)
    if origin in (float, np.floating):  # where a function says so of an argument or a result, it has a 0-d array
        return isinstance(value, float | np.floating | np.ndarray) and np.shape(value) == ()
    if origin is tuple:
        stated_items = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return type(value) is tuple and len(value) == len(stated_items) and all(map(agrees, value, stated_items))
    return callable(value) if origin.__name__ == "Callable" else isinstance(value, origin)


def test_values_have_the_types_that_checkers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = []

    def note(value: Any, stated: Any) -> Any:
        if not agrees(value, stated):
            wrong.append(f"line {sys._getframe(1).f_lineno}: {value!r} is no {stated}")
        return value

    monkeypatch.setattr(typing_extensions, "assert_type", note)
    runpy.run_path(str(RIGHT))
    assert wrong == []
    assert RIGHT.read_text().count("assert_type(nf.") > 70


def lines_of_mypy(path: Path, folder: Path) -> tuple[list[int], str]:
    """The lines in which mypy finds errors, and what it prints."""
    # The settings of a user in strict mode, who knows nothing of this package's own.
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--follow-imports=silent"]
    result = subprocess.run(
        [*command, "--ignore-missing-imports", "--cache-dir", str(folder.parent / "mypy_cache"), str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(numbafunc.__file__).parent.parent,
    )
    assert result.returncode in (0, 1), result.stderr
    # What it finds in this package depends on how that is installed, and is looked at with the package's own settings.
    found = [line for line in result.stdout.splitlines() if f"{path.name}:" in line and ": error: " in line]
    return sorted({int(line.split(".py:")[1].split(":")[0]) for line in found}), result.stdout + result.stderr


def lines_of_pyright(path: Path, folder: Path) -> tuple[list[int], str]:
    """The lines in which pyright finds errors in strict mode, and what it prints."""
    settings = {
        "typeCheckingMode": "strict",
        "include": [path.name],
        "extraPaths": [str(Path(numbafunc.__file__).parent.parent)],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    (folder / path.name).write_text(path.read_text())
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(result.stdout)
    errors = [d for d in report["generalDiagnostics"] if d["severity"] == "error"]
    return sorted({d["range"]["start"]["line"] + 1 for d in errors}), json.dumps(errors, indent=1)


CHECKERS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
    for name in ("mypy", "pyright")
]


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("path", [RIGHT, WRONG], ids=lambda path: path.stem)
def test_strict_type_checkers(path: Path, checker: str, tmp_path: Path) -> None:
    lines, output = (lines_of_mypy if checker == "mypy" else lines_of_pyright)(path, tmp_path)
    source = path.read_text().splitlines()
    start = source.index("def wrong() -> None:") + 2 if path == WRONG else len(source) + 1
    assert lines == list(range(start, len(source) + 1)), output
