"""``python -m numbafunc.parallel check`` on several ranks: all is well, and then it is not."""

import numpy as np

from numbafunc import parallel
from numbafunc.parallel.__main__ import main

if __name__ == "__main__":
    assert main(["check", "--largest", "80000"]) == 0
    original = parallel.psum
    parallel.psum = lambda x: original(np.ones_like(x[:1] if np.ndim(x) else x)) - 7
    assert main(["check", "--largest", "8"]) == 1
    parallel.psum = original
    print("done")
