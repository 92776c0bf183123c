"""What a network is trained on: the inputs that it reads, and the velocity models, of a survey."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from data_gen.migration.panels import PanelDefinition
from data_gen.survey.reader import Survey
from models.conditioning import Conditioning

Read = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""From indices and views (model,), and the rank of the reference, to panels (model, depth, x, channel)."""

BLOCK = 16
"""Models that are read at a time for their statistics: a shard."""


class Samples(Protocol):
    """Inputs and velocity models of a survey's models, by their indices."""

    survey: Survey
    views: int
    """How many inputs there are of each model; all but the first are for training."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""

    def inputs(self, indices: np.ndarray, views: np.ndarray | None = None, rank: int = 0) -> np.ndarray:
        """Inputs of the models (model, *shape), each in the view (model,) asked for, or the first.

        The first view is there in the reference of each `rank`.
        """

    def conditioning(self, indices: np.ndarray) -> Conditioning:
        """Statistics of the models, for a network to be built around."""

    def verify(self) -> None:
        """Read every byte of what is on disk; raises DataError where any is not what was written."""


class GatherSamples:
    """Raw shot gathers: float32 (model, source, receiver, time)."""

    views = 1

    def __init__(self, survey: Survey) -> None:
        self.survey = survey

    @property
    def shape(self) -> tuple[int, ...]:
        """(source, receiver, time)."""
        return self.survey.acquisition.gather_shape

    def inputs(self, indices: np.ndarray, views: np.ndarray | None = None, rank: int = 0) -> np.ndarray:
        """Gathers of the models, float32 (model, source, receiver, time)."""
        return self.survey.gathers(indices)

    def verify(self) -> None:
        """Read every byte of the survey; raises DataError where any is not what was written."""
        self.survey.verify()

    def conditioning(self, indices: np.ndarray, block: int = BLOCK) -> Conditioning:
        """Mean gather, one deviation around it, and mean velocity model; a few models at a time."""
        count = len(indices)
        mean_gather = np.zeros(self.shape)
        blocks = [indices[start : start + block] for start in range(0, count, block)]
        for some in blocks:
            mean_gather += self.survey.gathers(some).sum(axis=0, dtype=np.float64) / count
        squares = sum(
            np.sum((self.survey.gathers(some) - mean_gather) ** 2, axis=0, dtype=np.float64) for some in blocks
        )
        deviation = np.sqrt(np.mean(squares / count))
        return Conditioning(
            self.shape,
            mean_gather.astype(np.float32),
            np.full((1, 1, 1), deviation, np.float32),
            mean_velocity(self.survey, indices),
        )


class PanelSamples:
    """Migrated panels: float16 (model, depth, x, channel)."""

    def __init__(
        self,
        survey: Survey,
        definition: PanelDefinition,
        views: int,
        read: Read,
        verify: Callable[[], None],
    ) -> None:
        self.survey, self.definition, self.views = survey, definition, views
        self._read, self._verify = read, verify

    @property
    def shape(self) -> tuple[int, ...]:
        """(depth, x, channel)."""
        return self.definition.shape

    def inputs(self, indices: np.ndarray, views: np.ndarray | None = None, rank: int = 0) -> np.ndarray:
        """Panels of the models, float16 (model, depth, x, channel)."""
        return self._read(np.asarray(indices), np.zeros(len(indices), int) if views is None else views, rank)

    def verify(self) -> None:
        """Read every byte of survey and panels; raises DataError where any is not what was written."""
        self.survey.verify()
        self._verify()

    def conditioning(self, indices: np.ndarray, most: int = 1000) -> Conditioning:
        """Mean and deviation by depth and channel, of `most` models at most, and mean velocity model."""
        some = indices[:most]
        sums, squares = (np.zeros((self.shape[0], 1, self.shape[2])) for _ in range(2))
        for start in range(0, len(some), BLOCK):
            panels = self.inputs(some[start : start + BLOCK]).astype(np.float64)
            sums += panels.mean(axis=2, keepdims=True).sum(axis=0) / len(some)
            squares += np.square(panels).mean(axis=2, keepdims=True).sum(axis=0) / len(some)
        deviation = np.sqrt(np.maximum(squares - sums**2, 0.0))
        floor = 1e-3 * deviation.max(axis=0, keepdims=True)  # above all reflections panels hold next to nothing
        return Conditioning(
            self.shape,
            sums.astype(np.float32),
            np.maximum(deviation, floor).astype(np.float32),
            mean_velocity(self.survey, indices),
        )


def mean_velocity(survey: Survey, indices: np.ndarray) -> np.ndarray:
    """The mean velocity model (depth, x) [m/s] of some models, float32; a few at a time."""
    mean = np.zeros(survey.acquisition.grid.shape)
    for start in range(0, len(indices), BLOCK):
        mean += survey.velocity(indices[start : start + BLOCK]).sum(axis=0, dtype=np.float64) / len(indices)
    return mean.astype(np.float32)
