"""The imaging network: a residual U-Net from migrated panels to a velocity model.

It works on a grid of half the points along depth and x. A level is a few blocks `x + conv(relu(conv(relu(x))))`; from
one to the next convolutions of stride 2 halve the grid and widen the network, and transposed ones lead back up, where
what left the level on the way down is added. The second convolution of a block starts at zero, so that the untrained
network is shallow, and needs no normalization. Panels are standardized by depth and channel and compressed by asinh;
depth itself is one more channel; the output is added to the mean profile of the training models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from models.conditioning import Conditioning
from models.units import KILOMETRE

HEAD = 16
"""Channels of the last layer but one, on the full grid."""


@dataclass(frozen=True)
class Levels:
    """Channels of each level, and how many blocks it has on the way down, and but for the last on the way up."""

    widths: tuple[int, ...]
    blocks: tuple[int, ...]


SMALL = Levels((32, 48, 72), (1, 1, 2))
LARGE = Levels((32, 64, 128), (1, 2, 4))


def unet(
    levels: Levels,
    conditioning: Conditioning,
    model: Callable[..., keras.Model] = keras.Model,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """The network from panels (batch, depth, x, channel) to velocity (batch, depth, x) [m/s].

    Velocity models have as many points as panels along each axis, or twice as many. `model(inputs, outputs)` makes the
    Keras model, initial weights follow from the seed; `dtype` is the Keras policy of its layers.
    """
    seeds = (1000 * seed + layer for layer in range(10**6))
    image = conditioning.mean_velocity.shape
    inputs = keras.Input(conditioning.input_shape, name="panels")
    h = _with_depth(keras.ops.arcsinh(conditioning.normalization()(inputs)))
    half = tuple(-(-points // 2) for points in image)
    stride = tuple(-(-panel // points) for panel, points in zip(conditioning.input_shape[:2], half, strict=True))
    h = _convolution(levels.widths[0], next(seeds), dtype, kernel=tuple(2 + s for s in stride), strides=stride)(h)
    h, cropping = _padded(h, 2 ** (len(levels.widths) - 1), dtype)
    h = _levels(h, levels, seeds, dtype)
    h = keras.layers.Conv2DTranspose(
        HEAD, 2, strides=2, kernel_initializer=keras.initializers.HeNormal(next(seeds)), dtype=dtype
    )(keras.layers.ReLU(dtype=dtype)(h))
    small = keras.initializers.RandomNormal(stddev=0.01, seed=next(seeds))
    h = keras.layers.ReLU(dtype=dtype)(h)
    h = keras.layers.Conv2D(1, 3, padding="same", kernel_initializer=small, dtype=dtype, name="image")(h)
    (top, bottom), (left, right) = (tuple(2 * side for side in sides) for sides in cropping)
    bottom, right = bottom + 2 * half[0] - image[0], right + 2 * half[1] - image[1]
    h = keras.layers.Cropping2D(((top, bottom), (left, right)), dtype="float32")(h)
    h = keras.layers.Reshape(image, dtype="float32")(h)
    profile = conditioning.mean_velocity.mean(axis=1, keepdims=True)
    outputs = keras.layers.Rescaling(KILOMETRE, profile.tolist(), dtype="float32", name="velocity")(h)
    return model(inputs, outputs)


def _with_depth(panels: keras.KerasTensor) -> keras.KerasTensor:
    """The panels with one more channel, the depth, from -1 to 1."""
    depth = np.linspace(-1.0, 1.0, panels.shape[1])[:, None, None].tolist()
    return keras.layers.Concatenate()([panels, keras.layers.Rescaling(0.0, depth, name="depth")(panels[..., :1])])


def _padded(h: keras.KerasTensor, multiple: int, dtype: str) -> tuple[keras.KerasTensor, tuple]:
    """Zeros around an image, so that its sides are multiples of a number; and how many there are."""
    sides = []
    for points in h.shape[1:3]:
        missing = -points % multiple
        sides.append((missing // 2, missing - missing // 2))
    return keras.layers.ZeroPadding2D(tuple(sides), dtype=dtype)(h), tuple(sides)


def _levels(h: keras.KerasTensor, levels: Levels, seeds: Iterator[int], dtype: str) -> keras.KerasTensor:
    """Down through the levels and up again."""
    skips: list[keras.KerasTensor] = []
    for width, blocks in zip(levels.widths, levels.blocks, strict=True):
        if skips:
            h = _convolution(width, next(seeds), dtype, kernel=(2, 2), strides=(2, 2))(h)
        for _ in range(blocks):
            h = _block(h, width, seeds, dtype)
        skips.append(h)
    for width, blocks, skip in reversed(list(zip(levels.widths, levels.blocks, skips, strict=True))[:-1]):
        up = keras.layers.Conv2DTranspose(
            width, 2, strides=2, kernel_initializer=keras.initializers.GlorotUniform(next(seeds)), dtype=dtype
        )
        h = keras.layers.Add(dtype=dtype)([up(keras.layers.ReLU(dtype=dtype)(h)), skip])
        for _ in range(blocks):
            h = _block(h, width, seeds, dtype)
    return h


def _block(h: keras.KerasTensor, width: int, seeds: Iterator[int], dtype: str) -> keras.KerasTensor:
    inner = _convolution(width, next(seeds), dtype)(keras.layers.ReLU(dtype=dtype)(h))
    last = keras.layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros", dtype=dtype)
    return keras.layers.Add(dtype=dtype)([h, last(keras.layers.ReLU(dtype=dtype)(inner))])


def _convolution(
    width: int, seed: int, dtype: str, kernel: tuple[int, ...] = (3, 3), strides: tuple[int, ...] = (1, 1)
) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        width,
        kernel,
        strides=strides,
        padding="same",
        kernel_initializer=keras.initializers.HeNormal(seed),
        dtype=dtype,
    )
