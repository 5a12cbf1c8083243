"""The command line, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("arguments", [("demo", "--steps", "0"), ("demo", "--steps", "many"), ("cook",), ()])
def test_wrong_options_are_explained(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*arguments, folder=tmp_path)
    assert result.returncode == 2
    assert "usage: python -m numbafunc" in result.stderr


def test_info_names_versions_threads_and_cache(tmp_path: Path) -> None:
    result = run("info", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    facts = dict(line.split(maxsplit=1) for line in result.stdout.replace("kernel cache", "kernel-cache").splitlines())
    assert {"Python", "numba", "llvmlite", "numpy", "processor", "threads", "kernel-cache"} <= facts.keys()
    assert int(facts["threads"].split(",")[0]) >= 1
    assert "kernels" in facts["kernel-cache"]


def test_cache_is_shown_and_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBAFUNC_CACHE_DIR", str(tmp_path / "kernels"))
    program = "import numbafunc; numbafunc.relu([1.0])"
    subprocess.run([sys.executable, "-c", program], env=dict(os.environ), check=True, timeout=SECONDS)
    shown = run("cache", folder=tmp_path).stdout
    assert shown.startswith(f"{tmp_path / 'kernels'}: 1 kernels, ")
    assert shown.endswith("MB of at most 1074\n")
    removed, left = run("cache", "--clear", folder=tmp_path).stdout.splitlines()
    assert removed.startswith("removed 1 kernels, ")
    assert left.startswith(f"{tmp_path / 'kernels'}: 0 kernels, ")
