"""All benchmarks, one after the other, and what they say of bars and peers that we miss."""

from __future__ import annotations

from bench import (
    bandwidth,
    compiled,
    derivatives,
    dual_overhead,
    elementwise,
    gradients,
    hessian,
    linear,
    modes,
    parallel,
    reduction,
    resize,
    scan,
    selection,
    startup,
)
from bench.arguments import parse
from bench.report import console


def main() -> None:
    options = parse(__doc__)
    missed = {module.__name__.rpartition(".")[2]: module.main(options) for module in MODULES}
    console.rule("Missed")
    for name, lines in missed.items():
        console.print(f"[bold]{name}[/bold]: {len(lines)}")
        for line in lines:
            console.print(f"  {line}", highlight=False)


MODULES = (
    elementwise,
    reduction,
    linear,
    selection,
    resize,
    scan,
    compiled,
    derivatives,
    gradients,
    modes,
    dual_overhead,
    hessian,
    bandwidth,
    startup,
    parallel,
)

if __name__ == "__main__":
    main()
