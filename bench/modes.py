"""Gradients by forward and by reverse mode, by the number of variables: where ``grad`` should change over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import OURS, Library, libraries
from bench.measure import Case
from bench.report import markdown, run, show, write
from bench.results import time_text

VARIABLES = (2, 3, 4, 5, 6, 8, 16, 32)
POINTS = (10, 1000, 10**5)


def data_of(variables: int, points: int) -> Callable[[np.random.Generator], Mapping[str, Any]]:
    """Function that makes the coefficients of a fit, and the points to fit."""

    def data(random: np.random.Generator) -> dict[str, Any]:
        return {"w": random.normal(size=variables), "t": random.normal(size=points), "y": random.normal(size=points)}

    return data


def misfit(w: Any, t: Any, y: Any) -> Any:
    """The sum of squares between points and a Gaussian on a background that all coefficients make up."""
    model = w[1] * np.exp(-((t - w[0]) ** 2)) + np.sum(np.sin(w))
    return np.sum((model - y) ** 2)


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where the mode that ``grad`` chooses takes more than 1.5 times the other."""
    import numbafunc
    from numbafunc.autodiff.reverse import FEW

    libraries()
    found = {
        OURS: Library({"gradient": numbafunc.grad(misfit, mode="reverse")}),
        "forward": Library({"gradient": numbafunc.grad(misfit, mode="forward")}),
    }
    statements = dict.fromkeys(found, "gradient(w, t, y)")
    cases = [
        Case(
            f"{variables} variables",
            f"{points} points",
            points,
            data_of(variables, points),
            statements,
            "gradient",
            "float64",
        )
        for points in POINTS
        for variables in VARIABLES
        if options.wants("modes")
    ]
    results = run("modes", cases, found, options.effort)
    rows, lost = [], []
    for number, result in enumerate(results):
        ratio = result.ratio("forward")
        rows.append(
            {
                "case": result.case.name,
                "size": result.case.size,
                "reverse": time_text(result.timings[OURS].median),
                "forward": time_text(result.timings["forward"].median),
                "forward / reverse": f"{ratio:.2f} ({result.ratio_of_minima('forward'):.2f})",
            }
        )
        chosen = 1 / ratio if VARIABLES[number % len(VARIABLES)] > FEW else ratio
        if chosen > 1.5:
            lost.append(f"{result.case.name}, {result.case.size}: grad's mode takes {chosen:.2f} times as long")
    title = "Gradients by forward and reverse mode, float64"
    show(title, rows)
    text = f"``grad`` takes forward mode up to {FEW} variables.\n\n"
    verdict = "\n".join(f"- {line}" for line in lost) or "None."
    sections = {"Times": text + markdown(rows), "The other mode takes less than two thirds": verdict}
    write("modes", title, sections, [result.row() for result in results], options)
    return lost


if __name__ == "__main__":
    main(parse(__doc__))
