"""The images of handwritten digits that the demo learns from, and how they are divided.

The data set is "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak; its origin and licence are
stated in ``data/ATTRIBUTION.md``.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES = 10
PIXELS = 64


class Digits(NamedTuple):
    """Images of handwritten digits with their labels.

    Attributes
    ----------
    images : ndarray of float32, shape (count, 64)
        Darkness of every pixel, from 0 to 1.
    labels : ndarray of int64, shape (count,)
        The digit each image shows.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def take(self, which: Any) -> Digits:
        """Select images by indices or by a slice."""
        return Digits(self.images[which], self.labels[which])


def load() -> Digits:
    """Read all 1797 images from the package."""
    with as_file(files("numbafunc.demo") / "data" / "digits.npz") as path, np.load(path) as stored:
        images = stored["images"].reshape(-1, PIXELS).astype(np.float32) / 16
        return Digits(images, stored["labels"].astype(np.int64))


def split(digits: Digits, seed: int) -> tuple[Digits, Digits]:
    """Shuffle the images and hold out a third of them: ``(training, held out)``.

    The file lists the images writer by writer; shuffled, both parts hold images of every writer.
    """
    count = len(digits.labels)
    order = np.random.default_rng(seed).permutation(count)
    return digits.take(order[count // 3 :]), digits.take(order[: count // 3])


def shard(digits: Digits, rank: int, processes: int) -> Digits:
    """Part of the images that process number `rank` works on. Parts are disjoint and differ in size by one at most."""
    return digits.take(slice(rank, None, processes))
