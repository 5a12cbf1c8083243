"""The command line, run as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbafunc
from numbafunc.__main__ import main
from numbafunc.demo.report import progress

SECONDS = 300


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "numbafunc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_demo_reaches_the_required_accuracy_and_draws_a_figure(tmp_path: Path) -> None:
    result = run("demo", "--output", "figure.png", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "(95% reached)" in result.stdout
    assert "step   80 of 80" in result.stdout
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_demo_with_a_hidden_layer_is_more_accurate(tmp_path: Path) -> None:
    result = run("demo", "--hidden", "128", "--output", "figure.png", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Gradient of 9610 weights" in result.stdout
    assert "(97% reached)" in result.stdout
    assert "step  400 of 400" in result.stdout


def test_demo_fails_when_it_stops_too_early(tmp_path: Path) -> None:
    result = run("demo", "--steps", "1", "--quiet", folder=tmp_path)
    assert result.returncode == 1
    assert "(95% missed)" in result.stdout
    assert "step" not in result.stdout


WRONG = [
    ("cook", "invalid choice: 'cook'"),
    ("demo --steps 0", "must be at least 1, not 0"),
    ("demo --steps many", "'many' is no whole number"),
    ("demo --hidden 1.5", "'1.5' is no whole number"),
    ("demo --learning-rate fast", "'fast' is no number"),
    ("demo --hidden -1", "must be at least 0, not -1"),
    ("demo --seed -1", "must be at least 0, not -1"),
    ("demo --learning-rate nan", "must be above 0 and finite, not nan"),
    ("demo --output no/such/folder/figure.png", "is no file in a folder that exists"),
    ("demo --output figure.doc", "is no kind of image; wanted: a name that ends in"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_options_are_explained_before_any_work(
    arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert output.err.startswith("usage: python -m numbafunc")
    assert message in output.err
    assert output.out == ""


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    output = capsys.readouterr().out
    assert output.startswith("usage: python -m numbafunc")
    assert all(f"\n    {command} " in output for command in ("demo", "info", "cache"))


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_reader_that_has_read_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "numbafunc", "info"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"numbafunc {numbafunc.__version__}\n"


def test_progress_is_a_bar_on_terminals_and_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def shown(**environment: str) -> str:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with progress(4, quiet=False) as report:
                for step in range(1, 5):
                    report(step, 1 / step)
        return capsys.readouterr().out

    assert shown().splitlines()[-1] == "step    4 of 4   loss 0.2500"
    bar = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown(FORCE_COLOR="1", COLUMNS="80", TERM="xterm"))
    assert {"4/4", "loss", "0.2500"} <= set(bar.split())
    assert "step" not in bar


def test_info_names_versions_threads_and_cache(tmp_path: Path) -> None:
    result = run("info", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.replace("kernel cache", "kernel-cache").replace("result memory", "result-memory").splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert {"Python", "numba", "llvmlite", "numpy", "MPI", "CUDA", "threads", "kernel-cache"} <= facts.keys()
    assert int(facts["threads"].split(",")[0]) >= 1
    assert "kernels" in facts["kernel-cache"]
    assert facts["result-memory"] == "at most 1074 MB of freed results are kept"
    assert re.fullmatch(r"\S+, vectors of (64|128|256|512) bits", facts["processor"])


def test_info_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBAFUNC_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setenv("NUMBAFUNC_CACHE_SIZE", "2")
    monkeypatch.setenv("NUMBAFUNC_RESULT_MEMORY", "3")
    result = run("info", "--json", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["numbafunc"] == numbafunc.__version__
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["cache"] == {"folder": str(tmp_path / "kernels"), "entries": 0, "bytes": 0, "limit": 2 * 2**20}
    assert facts["result_memory"] == {"limit": 3 * 2**20}
    assert facts["threads"]["count"] >= 1
    assert set(facts["cuda"]) == {"driver", "devices", "toolkit"}
    had = {name.lower() for name, there in read_processor().items() if there}
    used = set(facts["processor"]["features"])  # settings of Numba's may leave some out
    assert used <= had
    assert facts["processor"]["vector_bits"] == (512 if "avx512f" in used else 256 if "avx" in used else 128)


def read_processor() -> dict[str, bool]:
    import llvmlite.binding

    return dict(llvmlite.binding.get_host_cpu_features())


def test_cache_is_shown_and_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBAFUNC_CACHE_DIR", str(tmp_path / "kernels"))
    program = "import numbafunc; numbafunc.relu([1.0])"
    subprocess.run([sys.executable, "-c", program], env=dict(os.environ), check=True, timeout=SECONDS)
    shown = run("cache", folder=tmp_path).stdout
    assert shown.startswith(f"{tmp_path / 'kernels'}: 1 kernels, ")
    assert shown.endswith("MB of at most 1074 MB\n")
    listed, total = run("cache", "--list", folder=tmp_path).stdout.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d +\d+\.\d kB  elementwise relu, float64", listed)
    assert total == shown.rstrip()
    (next((tmp_path / "kernels").iterdir()) / "0.kernel").write_bytes(b"something else")
    assert "not a kernel" in run("cache", "--list", folder=tmp_path).stdout
    (next((tmp_path / "kernels").iterdir()) / "0.kernel").unlink()
    removed, left = run("cache", "--clear", folder=tmp_path).stdout.splitlines()
    assert removed.startswith("removed 1 kernels, ")
    assert left.startswith(f"{tmp_path / 'kernels'}: 0 kernels, ")


def test_warmup_keeps_what_a_program_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBAFUNC_CACHE_DIR", str(tmp_path / "cache"))
    program = tmp_path / "program.py"
    program.write_text(
        "import logging, sys\n"
        "import numbafunc\n"
        "from helper import number\n"
        "logging.basicConfig(level=logging.WARNING)\n"
        "print(__name__, sys.argv[1:], numbafunc.relu([number]))\n"
        "sys.exit(int(sys.argv[1]))\n"
    )
    (tmp_path / "helper.py").write_text("number = 2.0\n")
    (tmp_path / "elsewhere").mkdir()

    def warmup(*arguments: str) -> tuple[int, list[str], str]:
        result = run("warmup", *arguments, folder=tmp_path / "elsewhere")
        return result.returncode, result.stdout.splitlines(), result.stderr

    first, again = warmup("--check", str(program), "0"), warmup("--check", "--list", str(program), "0", "--list")
    assert first[0] == 1
    assert first[1][0] == "__main__ ['0'] [2.]"
    assert re.fullmatch(r"compiled 1 kernels in [0-9.]+ s, read 0 from the cache, .*cache.*", first[1][1])
    assert again[0] == 0
    assert again[1][0] == "__main__ ['0', '--list'] [2.]"
    assert re.fullmatch(r"read      elementwise relu, float64, [0-9.]+ s", again[1][1])
    assert re.fullmatch(r"compiled 0 kernels in 0.0 s, read 1 from the cache, .*", again[1][2])
    assert first[2] == again[2] == ""
    assert warmup(str(program), "3")[0] == 3
