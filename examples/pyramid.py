"""A Laplacian pyramid of a photograph, and the photograph sharpened by it.

The photograph is that of Grace Hopper by the US Navy, in the public domain, which comes
with Matplotlib.

python examples/pyramid.py [picture]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cbook

import numbafunc


def photograph():
    """The photograph as one image of shape (1, 3, 512, 512)."""
    pixels = plt.imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))[
        10:522
    ]
    return np.float32(pixels.transpose(2, 0, 1)[None]) / 255


def smaller(image):
    rows, columns = image.shape[2:]
    return numbafunc.interpolate(image, size=(rows // 2, columns // 2), mode="bicubic")


def larger(image):
    return numbafunc.upsample_2d(image, 2, "bicubic")


def analyse(image, levels):
    """Details of each size, the finest first, and what is left: a small image."""
    details = []
    for _ in range(levels):
        small = smaller(image)
        details.append(image - larger(small))
        image = small
    return details, image


def synthesise(details, image, gains):
    """The image of these details, each size of them multiplied by a gain."""
    for detail, gain in zip(reversed(details), reversed(gains), strict=True):
        image = larger(image) + gain * detail
    return image


def main(picture="pyramid.png"):
    image = photograph()
    details, rest = analyse(image, 4)
    whole = synthesise(details, rest, [1.0, 1.0, 1.0, 1.0])
    sharp = synthesise(details, rest, [1.8, 1.8, 1.2, 1.0])
    error = np.abs(whole - image).max()
    print(f"put together again, the photograph differs by at most {error:.1e}")

    # How much contrast do the details of each size add? The derivative by the gains.
    contrast = numbafunc.grad(
        lambda gains: np.var(synthesise(details, rest, list(gains)))
    )(np.ones(4))
    print("contrast by size of details, finest first:", contrast.round(4))

    figure, axes = plt.subplots(2, 3, figsize=(8.4, 5.8), layout="constrained")
    shown = {
        "photograph": image,
        "details of 1 pixel": 0.5 + 3 * details[0],
        "of 2 pixels": 0.5 + 3 * details[1],
        "of 4 pixels": 0.5 + 2 * details[2],
        "what is left: 32 × 32": rest,
        "sharpened": sharp,
    }
    for place, (title, pixels) in zip(axes.ravel(), shown.items(), strict=True):
        place.imshow(pixels[0].transpose(1, 2, 0).clip(0, 1))
        place.set_title(title)
        place.set_axis_off()
    figure.savefig(picture)
    return image, whole, contrast


if __name__ == "__main__":
    main(*sys.argv[1:])
