"""Rules are registered once, in one way, and the table in the documentation lists each of them."""

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import numbafunc
from numbafunc import rules
from numbafunc.dual.tables import FUNCTION_RULES, HOOKS, UFUNC_METHODS, UFUNC_RULES
from numbafunc.rules import register
from numbafunc.rules.register import PLACES, REFUSED, RULES_BY_NAME

ROOT = Path(__file__).parent.parent.parent
FIRST = {
    np.sinc: "numbafunc.rules.sampling",
    np.matmul: "numbafunc.rules.products",
    np.linalg.matrix_rank: "numbafunc.rules.linalg",
    np.histogram2d: "numbafunc.rules.pieces",
    np.exp: "numbafunc.rules.ufuncs",
}


@pytest.mark.parametrize("function", FIRST, ids=lambda function: function.__name__)
def test_second_rule_is_refused(function):
    table = UFUNC_RULES if isinstance(function, np.ufunc) else FUNCTION_RULES
    rule = table[function]
    places = (
        rf"{function.__name__} has a rule already, from {FIRST[function]}, line \d+; a second one .* by {__name__}, "
    )
    with pytest.raises(RuntimeError, match=places):
        register.rule_for(function)(lambda x: x)
    assert table[function] is rule


def test_second_rule_is_refused_of_methods_hooks_and_names():
    def reduce(*args):
        raise AssertionError

    with pytest.raises(
        RuntimeError, match=r"numpy.ufunc.reduce has a rule already, from numbafunc.rules.ufunc_methods"
    ):
        register.ufunc_method(reduce)
    with pytest.raises(RuntimeError, match="the hook find_ufunc_rule has a rule already"):
        register.hook("find_ufunc_rule")(reduce)
    (module,) = RULES_BY_NAME
    with pytest.raises(RuntimeError, match=r"erf has a rule already, from numbafunc.rules.scipy_special"):
        register.register_by_name(module, "erf", reduce)


def test_a_file_that_registers_twice_can_not_be_imported(programs, tmp_path):
    (tmp_path / "second.py").write_text(
        "import numpy as np\nfrom numbafunc.rules.register import rule_for\n\n@rule_for(np.sinc)\ndef rule(x): ...\n"
    )
    output = programs.run(
        f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import numbafunc.rules
        try:
            import second
        except RuntimeError as error:
            print(error)
        """
    )
    assert output.startswith("numpy.sinc has a rule already, from numbafunc.rules.sampling, line ")
    assert output.endswith("a second one is registered by second, line 4")


def test_every_rule_has_a_place():
    assert FUNCTION_RULES.keys() <= PLACES.keys()
    of_packages = {ufunc for ufunc in UFUNC_RULES if ufunc not in PLACES}
    # These are entered when they are first used.
    assert {ufunc.__name__ for ufunc in of_packages} <= {name for names in RULES_BY_NAME.values() for name in names}
    assert {("method", name) for name in UFUNC_METHODS} | {("hook", name) for name in HOOKS} <= PLACES.keys()


def test_only_the_register_writes_to_the_tables():
    tables = {"FUNCTION_RULES", "UFUNC_RULES", "UFUNC_METHODS", "HOOKS", "RULES_BY_NAME", "PLACES"}
    writers = set()
    for path in (ROOT / "numbafunc").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            changed = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
            called = isinstance(node, ast.Attribute) and node.attr in ("setdefault", "update", "pop", "clear")
            if (changed or called) and tables & set(ast.unparse(node.value).replace("(", " ").split()):
                writers.add(path.relative_to(ROOT / "numbafunc").as_posix())
    assert writers == {"rules/register.py"}


def test_dual_arrays_load_no_rules_but_drivers_do(programs):
    output = programs.run(
        """
        import sys
        import numbafunc.dual.array
        import numbafunc.numbers.elementary
        print("numbafunc.rules" in sys.modules, "numbafunc.kinds" in sys.modules)
        from numbafunc.autodiff import Dual
        print("numbafunc.rules" in sys.modules)
        """
    )
    assert output.splitlines() == ["False False", "True"]


# The table in the documentation.


@pytest.fixture(scope="module")
def table():
    specification = importlib.util.spec_from_file_location("rules_table", ROOT / "docs" / "rules_table.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_documentation_lists_each_rule_once(table):
    entries = table.entries()
    names = [name for entry in entries for name in (entry.name, *entry.aliases)]
    assert len(names) == len(set(names))
    of_numpy = [entry for entry in entries if entry.kind in ("function", "ufunc")]
    listed = []
    for entry in of_numpy:
        for name in (entry.name, *entry.aliases):
            found = np
            for part in name.split(".")[1:]:
                found = getattr(found, part)
            assert name is not entry.name or listed.append(found) is None
            assert found is listed[-1]
    registered = {function for function in (*FUNCTION_RULES, *UFUNC_RULES) if table.names_of(function)} - REFUSED
    assert len(listed) == len(set(listed))
    assert set(listed) == registered
    assert len(registered) > 300
    assert {entry.name for entry in entries if entry.kind == "method"} == {
        f"numpy.ufunc.{name}" for name in ("__call__", "accumulate", "at", "outer", "reduce", "reduceat")
    }
    special = [entry.name for entry in entries if entry.kind == "SciPy"]
    assert sorted(special) == sorted(
        f"scipy.special.{name.lstrip('_')}" for names in RULES_BY_NAME.values() for name in names
    )
    assert len(entries) == len(of_numpy) + 6 + len(special)


def test_the_documentation_names_the_file_of_each_rule(table):
    for entry in table.entries():
        assert entry.file.removeprefix("rules/").removesuffix(".py") in vars(rules)
        assert (Path(numbafunc.__file__).parent / entry.file).is_file()
    text = table.lines()
    for entry in table.entries():
        (place,) = [i for i, line in enumerate(text) if f"* - ``{entry.name}``" in line]
        assert text[place + 1].strip() == f"- ``{entry.file}``"
    files = {entry.name: entry.file for entry in table.entries()}
    assert files["numpy.matmul"] == files["numpy.einsum"] == files["numpy.linalg.vecdot"] == "rules/products.py"
    assert files["numpy.clip"] == files["numpy.round"] == "rules/ufuncs.py"
    assert files["scipy.special.zeta"] == "rules/scipy_special.py"
    assert "numpy.histogram2d" not in files
