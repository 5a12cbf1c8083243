"""Random calls against other people's functions, for as many minutes as are given: python tests/support/fuzz.py 60

Each round has a seed, which is printed; ``--seed`` repeats a round. With atheris installed, half of the time is spent
on things in the place of arguments and on damaged entries of the cache, where coverage leads the way.
"""

import argparse
import importlib.util
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

import fuzz_cases
import numpy as np
import wrong_arguments
from hypothesis import HealthCheck, given, seed as seeded, settings

from numbafunc.cpu import cache_entries as cache


def round_of(number, examples, until, counter):
    """Run a round of random calls, each of which adds one to the counter."""

    @seeded(number)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    @given(fuzz_cases.calls())
    def run(call):
        if time.monotonic() < until:
            counter["calls"] += 1
            fuzz_cases.check(*call)

    run()


def damaged(data):
    """Read an entry of the cache as it is, cut, or with other bytes: what was kept comes back, or nothing."""
    key, payload = b"fuzz", bytes(range(256))
    content = cache._head(key) + cache.hashlib.sha256(payload).digest() + payload
    place, rest = int.from_bytes(data[:2], "little") % len(content), data[3:]
    changed = content[:place] + rest + (b"" if data[2:3] == b"\1" else content[place + len(rest) :])
    original, cache.cache_folder.read = cache.cache_folder.read, lambda *name: changed
    try:
        found = cache.read(key)
    finally:
        cache.cache_folder.read = original
    assert found is None or (found == payload and changed == content), "a damaged entry is taken for whole"


CELLS = list(wrong_arguments.cells())
THINGS = list(wrong_arguments.THINGS)


def misused(data):
    """Call a function with several things in the places of its arguments at once."""
    numbers = np.frombuffer(data[: len(data) // 2 * 2], np.uint16)
    if not numbers.size:
        return
    name, parameter, _ = CELLS[int(numbers[0]) % len(CELLS)]
    parameters = list(wrong_arguments.inspect.signature(wrong_arguments.FUNCTIONS[name]).parameters)
    given = {parameter: THINGS[int(numbers[-1]) % len(THINGS)]}
    for number in map(int, numbers[1:-1]):
        given[parameters[number % len(parameters)]] = THINGS[number // 64 % len(THINGS)]
    given.pop("args", None)
    found = wrong_arguments.fault_of_several(name, given)
    assert found is None, f"{name}({given}): {found}"


def by_coverage(seconds, number):
    """Let atheris choose the bytes for both; its process ends with an error where it has found one."""
    import atheris
    from numba.core.dispatcher import Dispatcher

    from numbafunc import limits

    def stop(dispatcher, signature):
        raise wrong_arguments.Accepted

    Dispatcher.compile, limits._SMALL, limits.memory = stop, 0, lambda: 2**29
    warnings.simplefilter("ignore")
    # Coverage of what checks arguments and reads entries.
    for module in [name for name in sys.modules if name.startswith(("numbafunc.ops", "numbafunc.kinds.arguments"))]:
        for one in list(vars(sys.modules[module]).values()):
            if callable(one) and getattr(one, "__module__", "") == module and hasattr(one, "__code__"):
                one.__code__ = atheris.instrument_func(one).__code__

    def both(data):
        (damaged if data[:1] < b"\x40" else misused)(data[1:])

    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", f"-seed={number or 1}", "-max_len=64"], both)
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", type=float, nargs="?", default=60)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--coverage", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.coverage:
        by_coverage(chosen.coverage, chosen.seed)
        return
    warnings.simplefilter("ignore")
    seconds, failed, rounds, counter = 60 * chosen.minutes, 0, 0, {"calls": 0}
    guided = importlib.util.find_spec("atheris") is not None and chosen.seed is None
    until = time.monotonic() + seconds / (2 if guided else 1)
    while time.monotonic() < until:
        number = random.SystemRandom().getrandbits(32) if chosen.seed is None else chosen.seed
        print(f"seed {number}", flush=True)
        try:
            round_of(number, 200, until, counter)
        except Exception:
            failed += 1
            traceback.print_exc()
            print(f"failed; again by: python tests/support/fuzz.py --seed {number}", flush=True)
        rounds += 1
        if chosen.seed is not None:
            break
    print(f"{counter['calls']} calls in {rounds} rounds, of which {failed} failed", flush=True)
    if guided:
        number = random.SystemRandom().getrandbits(31)
        print(f"atheris, seed {number}", flush=True)
        with tempfile.TemporaryDirectory() as folder:  # where it leaves the bytes of a failure
            command = [sys.executable, str(pathlib.Path(__file__).resolve()), "--coverage", str(int(seconds / 2) or 1)]
            done = subprocess.run([*command, "--seed", str(number)], cwd=folder, capture_output=True, text=True)
        print("\n".join(done.stderr.splitlines()[-12:]))
        failed += done.returncode != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
