"""Pictures of what functions do to a photograph.

It is the portrait of Grace Hopper by the US Navy, in the public domain, which comes with Matplotlib.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cbook
from matplotlib.patches import Rectangle

import numbafunc
from pictures.style import BLUE, ORANGE, Picture


@cache
def photograph() -> Any:
    """The photograph as floats between 0 and 1, of shape (600, 512, 3)."""
    return plt.imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) / 255


def face(size: int = 256) -> Any:
    """The face, as an image of shape (1, 3, size, size)."""
    crop = photograph()[70:326, 130:386].transpose(2, 0, 1)[None]
    return crop if size == 256 else numbafunc.interpolate(crop, size=(size, size), mode="bilinear").clip(0, 1)


def show(axes: Any, image: Any, title: str = "") -> None:
    """Show an image of shape (1, 3, H, W), (3, H, W) or (H, W)."""
    image = np.asarray(image)
    image = image[0] if image.ndim == 4 else image
    gray = image.ndim == 2
    axes.imshow(
        image if gray else image.transpose(1, 2, 0).clip(0, 1),
        interpolation="none",
        cmap="gray" if gray else None,
        vmin=0 if gray else None,
        vmax=1 if gray else None,
    )
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def row(images: dict[str, Any], width: float = 8.0) -> Any:
    """Images side by side."""
    figure, axes = plt.subplots(1, len(images), figsize=(width, width / len(images) + 0.4))
    for place, (title, image) in zip(axes, images.items(), strict=True):
        show(place, image, title)
    return figure


def thumbnail(image: Any) -> Any:
    """One small image."""
    figure, axes = plt.subplots(figsize=(1.5, 1.5))
    show(axes, image)
    return figure


def average_pool(small: bool) -> Any:
    """The photograph by means of windows."""
    if small:
        return thumbnail(numbafunc.average_pool_2d(face(96), 8, 8))
    pooled = {f"windows of {n} × {n}": numbafunc.average_pool_2d(face(), n, n) for n in (8, 16)}
    return row({"image": face(), **pooled})


def max_pool(small: bool) -> Any:
    """The photograph by maxima of windows, and where a gradient goes."""
    if small:
        return thumbnail(numbafunc.max_pool_2d(face(96), 8, 8))
    gray = face().mean(axis=1, keepdims=True)
    gradient = numbafunc.grad(lambda x: np.sum(numbafunc.max_pool_2d(x, 8, 8)))(gray)
    return row(
        {
            "image": face(),
            "windows of 8 × 8": numbafunc.max_pool_2d(face(), 8, 8),
            "its gradient: one element of each": np.maximum(0.35 * gray, gradient)[0, 0],
        }
    )


METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def eye() -> Any:
    """A detail of few pixels, of shape (1, 3, 24, 24)."""
    return face(96)[:, :, 32:56, 20:44]


def resize(small: bool) -> Any:
    """A detail, enlarged by each method."""
    if small:
        return thumbnail(numbafunc.interpolate(eye(), size=(192, 192), mode="bicubic"))
    figure, axes = plt.subplots(2, 3, figsize=(8.0, 5.9))
    shown = {"image of 24 × 24": eye()}
    for method in METHODS:
        shown[f"to 192 × 192, {method}"] = numbafunc.interpolate(eye(), size=(192, 192), mode=method)
    for place, (title, image) in zip(axes.ravel(), shown.items(), strict=True):
        show(place, image, title)
    return figure


def upsample(small: bool) -> Any:
    """A detail, enlarged by a factor."""
    if small:
        return thumbnail(numbafunc.upsample_2d(eye(), 8, "bilinear"))
    methods = {f"scale 8, {method}": numbafunc.upsample_2d(eye(), 8, method) for method in ("nearest", "bilinear")}
    return row({"image of 24 × 24": eye(), **methods})


def upscale(small: bool) -> Any:
    """Pixels become squares."""
    if small:
        return thumbnail(numbafunc.upscale_nn(eye(), 4))
    return row(
        {"image of 24 × 24": eye(), "upscale_nn(x, 4): 96 × 96, each pixel 16 times": numbafunc.upscale_nn(eye(), 4)},
        6.4,
    )


def checkered(line: Any, width: tuple[int, int], axis: int, options: Any) -> Any:
    """Margins of alternating numbers, as a mode that is a function."""
    line = np.array(line)
    line[: width[0]] = np.arange(width[0]) // 4 % 2
    line[len(line) - width[1] :] = np.arange(width[1]) // 4 % 2
    return line


def pad(small: bool) -> Any:
    """Every mode of pad."""
    gray = face(64).mean(axis=1)[0]
    modes: dict[str, tuple[Any, dict[str, Any]]] = {
        "constant": ("constant", {"constant_values": 0.6}),
        "edge": ("edge", {}),
        "linear_ramp": ("linear_ramp", {"end_values": 1.0}),
        "reflect": ("reflect", {}),
        "reflect, odd": ("reflect", {"reflect_type": "odd"}),
        "symmetric": ("symmetric", {}),
        "symmetric, odd": ("symmetric", {"reflect_type": "odd"}),
        "wrap": ("wrap", {}),
        "maximum": ("maximum", {}),
        "maximum, stat_length 4": ("maximum", {"stat_length": 4}),
        "minimum": ("minimum", {}),
        "mean": ("mean", {}),
        "median": ("median", {}),
        "median, stat_length 4": ("median", {"stat_length": 4}),
        "empty": ("empty", {}),
        "a function": (checkered, {}),
    }
    if small:
        return thumbnail(numbafunc.pad(gray, 32, "symmetric"))
    figure, axes = plt.subplots(4, 4, figsize=(8.0, 8.6))
    for place in axes.ravel():
        place.set_axis_off()
    for place, (title, (mode, options)) in zip(axes.ravel(), modes.items(), strict=False):
        show(place, numbafunc.pad(gray, 28, mode, **options), title)
        place.set_axis_on()
        place.title.set_fontsize("small")
        place.add_patch(Rectangle((27.5, 27.5), 64, 64, fill=False, edgecolor=ORANGE, linewidth=1.2))
    return figure


def grid_of(images: Any) -> Any:
    """Several images of shape (n, 3, H, W) beside and below each other, with gaps."""
    n, channels, height, width = images.shape
    side = int(np.sqrt(n))
    canvas = np.ones((channels, side * (height + 4) - 4, side * (width + 4) - 4))
    for number, image in enumerate(images):
        top, left = number // side * (height + 4), number % side * (width + 4)
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def to_batch(small: bool) -> Any:
    """An image becomes four."""
    images = numbafunc.space_to_batch2d(face(128), 2)
    return (
        thumbnail(grid_of(images))
        if small
        else row({"(1, 3, 128, 128)": face(128), "(4, 3, 64, 64): every second row and column": grid_of(images)}, 6.6)
    )


def from_batch(small: bool) -> Any:
    """Four images become one."""
    images = numbafunc.space_to_batch2d(face(128), 2) * np.array([1.0, 0.75, 0.75, 1.0])[:, None, None, None]
    whole = numbafunc.batch_to_space2d(images, 2)
    return (
        thumbnail(whole)
        if small
        else row({"(4, 3, 64, 64), two of them darker": grid_of(images), "(1, 3, 128, 128)": whole}, 6.6)
    )


def channels_of(image: Any) -> Any:
    """The channels of an image of shape (1, 4, H, W) as four gray images."""
    return grid_of(np.repeat(image[0][:, None], 3, axis=1))


def to_channel(small: bool) -> Any:
    """A gray image becomes four channels."""
    gray = face(128).mean(axis=1, keepdims=True)
    result = channels_of(numbafunc.space_to_channel2d(gray, 2))
    return (
        thumbnail(result)
        if small
        else row({"(1, 1, 128, 128)": gray[0, 0], "(1, 4, 64, 64): the four channels": result}, 6.6)
    )


def from_channel(small: bool) -> Any:
    """Four channels become a gray image."""
    gray = face(128).mean(axis=1, keepdims=True)
    channels = numbafunc.space_to_channel2d(gray, 2) * np.array([1.0, 0.75, 0.75, 1.0])[:, None, None]
    whole = numbafunc.channel_to_space2d(channels, 2)
    return (
        thumbnail(whole[0, 0])
        if small
        else row({"(1, 4, 64, 64), two of them darker": channels_of(channels), "(1, 1, 128, 128)": whole[0, 0]}, 6.6)
    )


def flatten(small: bool) -> Any:
    """The rows of an image one after the other."""
    gray = face(16).mean(axis=1, keepdims=True)
    flat = numbafunc.flatten(gray)
    if small:
        return thumbnail(flat.reshape(1, -1)[:, 96:128].repeat(6, axis=0))
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 2.0), width_ratios=[1, 4])
    show(left, gray[0, 0], "(1, 1, 16, 16)")
    show(right, flat.repeat(14, axis=0), "(1, 256)")
    return figure


def top_k(small: bool) -> Any:
    """The brightest pixels of the photograph."""
    gray = face(128).mean(axis=1)[0]
    shown = np.stack([0.55 * gray] * 3)
    indices = numbafunc.top_k(gray.ravel(), 600).indices
    shown.reshape(3, -1)[:, indices] = np.array([[1.0], [0.55], [0.1]])
    if small:
        return thumbnail(shown)
    columns = np.stack([0.55 * gray] * 3)
    each = numbafunc.top_k(gray, 5).indices
    np.put_along_axis(
        columns, np.broadcast_to(each, (3, *each.shape)), np.array([1.0, 0.55, 0.1])[:, None, None], axis=-1
    )
    return row({"image": gray, "k = 600 of all pixels": shown, "k = 5 of each row": columns})


def window(small: bool) -> Any:
    """A window of the photograph."""
    start, size = (0, 0, 60, 40), (1, 3, 64, 128)
    result = numbafunc.dynamic_slice(face(), start, size)
    if small:
        return thumbnail(result)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.5))
    show(left, face(), "image, with the window")
    left.add_patch(Rectangle((40, 60), 128, 64, fill=False, edgecolor=ORANGE, linewidth=2))
    show(right, result, "dynamic_slice")
    return figure


def one_hot(small: bool) -> Any:
    """Labels and their rows."""
    labels = np.array([2, 0, 3, 3, 1, 4])
    matrix = numbafunc.one_hot(labels, 5)
    figure, axes = plt.subplots(figsize=(1.5, 1.5) if small else (4.2, 3.4))
    axes.pcolormesh(np.asarray(matrix), cmap="Blues", vmin=0, vmax=1.3, edgecolors=BLUE, linewidth=1)
    axes.invert_yaxis()
    axes.grid(False)
    axes.set(xlabel="class", ylabel="label", xticks=np.arange(5) + 0.5, yticks=np.arange(6) + 0.5)
    axes.set(xticklabels=range(5), yticklabels=labels)
    if small:
        axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    return figure


PICTURES: dict[str, Picture] = {
    "average_pool_2d": Picture(
        average_pool, "A portrait, and means of its windows of 8 by 8 and 16 by 16 pixels", small=True
    ),
    "max_pool_2d": Picture(
        max_pool, "A portrait, the maxima of its windows, and the pixels that these are", small=True
    ),
    "interpolate": Picture(resize, "A detail of 24 by 24 pixels, enlarged to 192 by 192 by five methods", small=True),
    "upsample_2d": Picture(upsample, "A detail of 24 by 24 pixels, enlarged eight times by two methods", small=True),
    "upscale_nn": Picture(upscale, "A detail of 24 by 24 pixels, each of which becomes a square", small=True),
    "pad": Picture(pad, "A portrait of 64 by 64 pixels in a frame, with margins of every mode", small=True),
    "space_to_batch2d": Picture(to_batch, "A portrait, and four images of every second row and column", small=True),
    "batch_to_space2d": Picture(from_batch, "Four images, and the one that they are woven into", small=True),
    "space_to_channel2d": Picture(
        to_channel, "A gray portrait, and four channels of a quarter of its pixels", small=True
    ),
    "channel_to_space2d": Picture(
        from_channel, "Four channels, and the gray image that they are woven into", small=True
    ),
    "flatten": Picture(flatten, "An image of 16 by 16 pixels, and its rows one after the other", small=True),
    "top_k": Picture(top_k, "A portrait with its brightest pixels marked, overall and in each row", small=True),
    "dynamic_slice": Picture(window, "A portrait with a window marked, and the window", small=True),
    "one_hot": Picture(one_hot, "A matrix with a one in each row, in the column of the label", small=True),
}
