"""The networks by name: what each reads, whether an input suits it, and how it is built."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import keras

from models.cnn import DEMO, LAPTOP, PAPER, Convolution, cnn, pooled
from models.conditioning import Conditioning
from models.unet import LARGE, SMALL, Levels, unet

GATHERS = "gathers"
"""Raw shot gathers (source, receiver, time), of the one geometry that a network is built for."""

PANELS = "panels"
"""Migrated panels (depth, x, channel), of any geometry over the grid that a network is built for."""


@dataclass(frozen=True)
class Network:
    """A network: `reads` names its inputs, `suits` tells whether it can be built for gathers of a shape.

    `build(conditioning, model, seed, dtype)` makes it; `model(inputs, outputs)` is the class of the result, `dtype` the
    Keras policy of its layers.
    """

    reads: str
    suits: Callable[[tuple[int, int, int]], bool]
    build: Callable[[Conditioning, Callable[..., keras.Model], int, str], keras.Model]


def _cnn(convolutions: tuple[Convolution, ...]) -> Network:
    return Network(GATHERS, lambda shape: min(pooled(shape, convolutions)) > 0, functools.partial(cnn, convolutions))


def _unet(levels: Levels) -> Network:
    return Network(PANELS, lambda shape: True, functools.partial(unet, levels))


NETWORKS = {
    "unet": _unet(SMALL),
    "unet-large": _unet(LARGE),
    "cnn-demo": _cnn(DEMO),
    "cnn-laptop": _cnn(LAPTOP),
    "cnn-paper": _cnn(PAPER),
}
