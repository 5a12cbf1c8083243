"""The sentences of README.md that state measured times, made of the results."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from bench.results import OURS, TITLES, Results, geometric_mean

README = Path(__file__).parent.parent / "README.md"
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NAMES = {**TITLES, "jax": "jitted JAX", "numpy": "NumPy or SciPy"}
_OF_OPS = {"value": "values", "jvp": "derivatives along a direction", "gradient": "gradients"}


def sentences(results: Results) -> dict[str, str]:
    """The items of lists that state times, by their first words."""
    return {"**A gradient costs**": _of_models(results), "Speed of the ops": _of_ops(results)}


def _of_models(results: Results) -> str:
    rows = results.select("gradient", models=True)
    costs = [cost for _, _, cost in results.costs("gradient", models=True)]
    sizes = [int(row.size.split()[0]) for row in rows]
    names = len({row.name for row in rows})
    typical = _means(results, "gradient", models=True, peers=("autograd", "torch", "jax"))
    jax = min((row.ratios()["jax"] for row in rows if "jax" in row.ratios()), default=None)
    worst = "" if jax is None else f" In the worst case JAX takes {jax:.2g} of our time."
    return (
        f"**A gradient costs** {min(costs):.2g} to {max(costs):.2g} evaluations of the function, measured for "
        f"{_NUMBERS[names] if names < len(_NUMBERS) else names} models of {min(sizes):,} to {max(sizes):,} variables: "
        "little where arrays are large, much where a Python loop works on small ones. In the geometric mean "
        f"{typical}.{worst} Loops under `numba.njit` are the remedy."
    )


def _means(results: Results, what: str, models: bool, peers: tuple[str, ...]) -> str:
    found = []
    for peer in peers:
        ratios = [row.ratios()[peer] for row in results.select(what, models=models) if peer in row.ratios()]
        if ratios:
            found.append(f"{_NAMES[peer]} takes {geometric_mean(ratios):.2g} of our time")
    found[1:] = [text.replace("takes ", "").removesuffix(" of our time") for text in found[1:]]
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def _of_ops(results: Results) -> str:
    parts = []
    for what, words in _OF_OPS.items():
        figures = []
        for peer in TITLES:
            ratios = [row.ratios()[peer] for row in results.select(what) if peer in row.ratios()]
            if ratios:
                lost = sum(ratio < 1 for ratio in ratios)
                figures.append(f"{_NAMES[peer]} {geometric_mean(ratios):.2g} ({lost} of {len(ratios)} cases are lost)")
        if figures:
            parts.append(f"{words}, {', '.join(figures)}")
    ops = len({row.name.split(" ")[0] for row in results.select("value") if OURS in row.libraries})
    return (
        f"Speed of the ops: time of the peers by ours, in the geometric mean over {ops} ops and their sizes. For "
        f"{'; for '.join(parts)}. `bench/results/benchmarks.md` has each case, what we lose first."
    )


def updated(text: str, results: Results) -> str:
    """The text of README.md with these items as they are measured."""
    for start, sentence in sentences(results).items():
        item = textwrap.fill(
            f"- {sentence}", 120, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
        text, count = re.subn(
            rf"^- {re.escape(start)}.*?\n(?=- |\n)", lambda _, item=item: f"{item}\n", text, flags=re.M | re.S
        )  # type: ignore[misc]
        if count != 1:
            raise LookupError(f"README.md has {count} items that begin with {start!r}; wanted: one")
    return text


def update(results: Results) -> None:
    """Rewrite README.md."""
    README.write_text(updated(README.read_text(), results))
