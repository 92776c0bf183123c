"""Shot gathers as a file has them, and what it says of geometry and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """What a file says of its gathers; None where it says nothing.

    Places and depths of sources (source,) and receivers (receiver,) [m], `live` (source, receiver) traces, the `time`
    of samples [s], whether the top is a `free_surface`; `remarks` are lines on what was made of the file.
    """

    source_x: np.ndarray | None = None
    receiver_x: np.ndarray | None = None
    source_z: np.ndarray | None = None
    receiver_z: np.ndarray | None = None
    live: np.ndarray | None = None
    time: np.ndarray | None = None
    free_surface: bool | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shots:
    """Gathers as they are stored, (model, source, receiver, time) or without the first axis, and their `geometry`.

    `data` is read when it is sliced. `scale` (model,) is what a survey in half precision is to be multiplied by,
    `velocity` (model, depth, x) [m/s] the true models, where the file has them.
    """

    data: Any
    geometry: Geometry
    scale: np.ndarray | None = None
    velocity: Any = None
