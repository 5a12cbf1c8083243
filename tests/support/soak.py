"""Threads, forks, gradients, interrupts and evictions of the cache together: python tests/support/soak.py 30

Every result is compared with the first one, bit by bit. At the end memory has to be where it was after the first fifth.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

# A small cache of its own, so that entries are evicted all the time; set before the package looks.
_FOLDER = tempfile.TemporaryDirectory(prefix="numbafunc-soak-")
os.environ.setdefault("NUMBAFUNC_CACHE_DIR", _FOLDER.name)
os.environ["NUMBAFUNC_CACHE_SIZE"] = "2"

import numpy as np  # noqa: E402

import numbafunc  # noqa: E402
from numbafunc import loss  # noqa: E402

X = np.random.default_rng(0).normal(size=(64, 96))
IMAGES = X.reshape(1, 4, 24, 64)
LABELS = np.arange(64) % 96
LARGE = np.random.default_rng(1).normal(size=(600, 700))

WORK = {
    "sigmoid": lambda: numbafunc.sigmoid(LARGE),
    "softmax": lambda: numbafunc.softmax(LARGE, 0),
    "logsumexp": lambda: numbafunc.logsumexp(X, 1, where=X > 0),
    "pad": lambda: numbafunc.pad(X, ((1, 2), (3, 4)), "reflect"),
    "upsample": lambda: numbafunc.upsample_2d(IMAGES, 1.5),
    "pool": lambda: numbafunc.max_pool_2d(IMAGES, 3, 1, 1),
    "top_k": lambda: numbafunc.top_k(LARGE, 5)[0],
    "jvp": lambda: numbafunc.jvp(numbafunc.gelu, (X,), (X,))[1],
    "grad": lambda: numbafunc.grad(lambda x: loss.cross_entropy_logits_sparse(x @ X.T[:, :32], LABELS % 32).mean())(X),
    "grad of pools": lambda: numbafunc.grad(lambda x: (numbafunc.average_pool_2d(x, 2) ** 2).sum())(IMAGES),
    "hvp": lambda: numbafunc.hvp(lambda x: numbafunc.softplus(x).sum(), (X,), (X,)),
    "scan": lambda: numbafunc.scan(lambda c, y: (c + np.tanh(y), c), np.zeros(96), X)[0],
}


def memory():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Soak:
    """What all threads share: the first results, and what went wrong."""

    def __init__(self, minutes):
        self.first = {name: work() for name, work in WORK.items()}
        self.began = time.monotonic()
        self.until = self.began + 60 * minutes
        self.counts = dict.fromkeys(("calls", "forks", "interrupts", "new kernels"), 0)
        self.errors = []
        self.turns = []
        self.lock = threading.Lock()

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def check(self, name):
        if not np.array_equal(WORK[name](), self.first[name]):
            raise AssertionError(f"{name} has other bits than at first")
        self.count("calls")

    def guarded(self, turn, pause=0.0):
        """Take turns until the time is up or something is wrong; nobody forks during a turn."""
        lock = threading.Lock()
        self.turns.append(lock)
        while time.monotonic() < self.until and not self.errors:
            try:
                with lock:
                    turn()
            except Exception:
                self.errors.append(traceback.format_exc())
            time.sleep(pause)

    def any_call(self):
        self.check(random.choice(list(WORK)))

    def new_kernel(self):
        """Compile what no cache has, which drives entries out."""
        number = random.random()
        names = {}
        exec(f"def made(x):\n    return x * {number!r} + 1\n", names)
        made = numbafunc.elementwise(names["made"])
        if not np.allclose(made(X), X * number + 1, rtol=1e-15, atol=1e-15):
            raise AssertionError(f"a kernel made with {number} is wrong")
        self.count("new kernels")

    def fork(self):
        """Let a child make the same calls.

        TBB, as other libraries with threads, serves children only if none of its threads is at work in between.
        """
        with contextlib.ExitStack() as stack:
            for turn in self.turns:
                stack.enter_context(turn)
            child = multiprocessing.get_context("fork").Process(target=self.in_child)
            child.start()
        child.join(300)
        if child.exitcode != 0:
            child.kill()
            raise AssertionError(f"a forked child ended with {child.exitcode}")
        self.count("forks")

    def in_child(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for name in random.sample(list(WORK), 4):
            self.check(name)
        os._exit(0)

    def interrupted(self):
        """In the main thread: calls that Ctrl-C ends anywhere, and the same calls again."""
        timer = threading.Timer(random.uniform(0.001, 0.1), os.kill, (os.getpid(), signal.SIGINT))
        with contextlib.suppress(KeyboardInterrupt):
            timer.start()
            while timer.is_alive():
                WORK[random.choice(list(WORK))]()
            time.sleep(1.0)  # the interrupt is on its way
        self.check(random.choice(list(WORK)))
        self.count("interrupts")


def soak(minutes, threads=4):
    """Soak for some minutes; return what has been counted and what went wrong."""
    state = Soak(minutes)
    workers = [threading.Thread(target=state.guarded, args=[state.any_call]) for _ in range(threads)]
    workers.append(threading.Thread(target=state.guarded, args=[state.new_kernel, 2.0]))
    for worker in workers:
        worker.start()
    sizes = []

    def measured():
        # TBB serves children of the main thread alone.
        (state.interrupted if random.random() < 0.7 else state.fork)()
        if time.monotonic() > state.began + 12 * minutes:
            sizes.append(memory())

    while time.monotonic() < state.until and not state.errors:
        try:
            measured()
        except Exception:
            state.errors.append(traceback.format_exc())
    for worker in workers:
        worker.join()
    if len(sizes) >= 10:
        tenth = len(sizes) // 10
        early, late = (float(np.median(part)) for part in (sizes[: max(1, tenth)], sizes[-max(1, tenth) :]))
        # Kernels that a process has compiled stay with it, about 300 kB each.
        allowed = 64 * 2**20 + 2**19 * state.counts["new kernels"]
        print(f"memory from {early / 2**20:.0f} to {late / 2**20:.0f} MiB", flush=True)
        if late - early > allowed:
            state.errors.append(f"memory grew by {(late - early) / 2**20:.0f} MiB, allowed: {allowed / 2**20:.0f}")
    return state.counts, state.errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", type=float, nargs="?", default=30)
    counts, errors = soak(parser.parse_args().minutes)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    print("\n".join(errors) or "nothing went wrong")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
