"""The demo on several ranks; stores the weights it finds."""

import argparse
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

import numbafunc
from numbafunc import demo, parallel
from numbafunc.demo import data, train
from numbafunc.launcher import threads_of_rank


def check_means_by_layer():
    """Layer by layer, with data in flight, the same bits are found as at once."""
    settings = train.Settings.of(2000)
    part = data.shard(data.split(data.load(), 0)[0], parallel.axis_index(), parallel.axis_size())
    weights = {**train.first_weights(settings), "kernel": np.linspace(-1, 1, 20_000, dtype="f4").reshape(2000, 10)}
    value, gradient = train.mean_by_layer(weights, part, 1.25, 0.01)
    at_once = parallel.pmean(numbafunc.value_and_grad(train.objective)(weights, part, 1.25, 0.01))
    assert value == at_once[0]
    for name in weights:
        assert gradient[name].tobytes() == at_once[1][name].tobytes(), name


if __name__ == "__main__":
    if parallel.axis_size() == 2:
        with train.blas_threads_of_rank():
            check_means_by_layer()
    found = {}
    original = train.fit

    def fit(*arguments):
        # A matrix product starts no more threads than this rank's share of the cores.
        share = threads_of_rank()
        for library in threadpool_info():
            assert library["user_api"] != "blas" or library["num_threads"] <= share, (library, share)
        weights, history = original(*arguments)
        found.update(weights, history=history)
        return weights, history

    demo.fit = fit
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    demo.run(parser.parse_args(["--steps", "4", "--output", "figure.png", "--hidden", sys.argv[2]]))
    if parallel.axis_index() == 0:
        np.savez(Path(sys.argv[1]), **found)
