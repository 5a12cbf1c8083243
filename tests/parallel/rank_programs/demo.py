"""The demo on several ranks; stores the weights it finds."""

import argparse
import sys
from pathlib import Path

from numbafunc import demo
from numbafunc.demo import train

if __name__ == "__main__":
    found = {}
    original = train.fit

    def fit(*arguments):
        weights, history = original(*arguments)
        found.update(weights, history=history)
        return weights, history

    demo.fit = fit
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    demo.run(parser.parse_args(["--steps", "4", "--output", "figure.png", "--hidden", sys.argv[2]]))
    import numpy as np

    from numbafunc import parallel

    if parallel.axis_index() == 0:
        np.savez(Path(sys.argv[1]), **found)
