"""Somebody's own gathers, read block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.formats.adapted import Adapted
from data_gen.reading import reading
from training.pipeline import PREDICTION_BATCH


@dataclass(frozen=True)
class GatherFile:
    """Gathers in a file: `data` (model, source, receiver, time) as stored, `scale` (model,), a `factor` for all.

    `velocity` (model, depth, x) [m/s] are the true models, where the file has them, as a survey's own does. Gathers of
    another line are brought to the network's grid by `adapted`; `acquisition` is what they are then of. Iterating gives
    blocks of models, float32, in the unit that the network knows.
    """

    path: Path
    data: Any
    scale: np.ndarray
    acquisition: Acquisition
    factor: float = 1.0
    velocity: Any = None
    adapted: Adapted | None = None

    def __len__(self) -> int:
        return len(self.data)

    def stored(self, models: slice) -> np.ndarray:
        """Gathers as the file has them, its scale applied."""
        with reading(self.path):
            values = np.asarray(self.data[models], np.float32)
        return values * np.float32(self.factor) * self.scale[models, None, None, None].astype(np.float32)

    def __getitem__(self, models: slice) -> np.ndarray:
        values = self.stored(models)
        return values if self.adapted is None else self.adapted.gathers(values)

    def blocks(self) -> list[slice]:
        """The models, some at a time."""
        return [slice(start, start + PREDICTION_BATCH) for start in range(0, len(self), PREDICTION_BATCH)]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[block] for block in self.blocks())
