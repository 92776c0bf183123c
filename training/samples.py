"""What a network is trained on: the inputs that it reads, and the velocity models, of a survey."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from data_gen.survey.reader import Survey
from models.conditioning import Conditioning
from models.registry import GATHERS, NETWORKS


class Samples(Protocol):
    """Inputs and velocity models of a survey's models, by their indices."""

    survey: Survey

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""

    def inputs(self, indices: np.ndarray) -> np.ndarray:
        """Inputs of the models, float32 (model, *shape)."""

    def conditioning(self, indices: np.ndarray) -> Conditioning:
        """Statistics of the models, for a network to be built around."""


class GatherSamples:
    """Raw shot gathers: float32 (model, source, receiver, time)."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey

    @property
    def shape(self) -> tuple[int, ...]:
        """(source, receiver, time)."""
        return self.survey.acquisition.gather_shape

    def inputs(self, indices: np.ndarray) -> np.ndarray:
        """GatherSamples of the models, float32 (model, source, receiver, time)."""
        return self.survey.gathers(indices)

    def conditioning(self, indices: np.ndarray, block: int = 16) -> Conditioning:
        """Mean gather, one deviation around it, and mean velocity model; a few models at a time."""
        count = len(indices)
        mean_gather = np.zeros(self.shape)
        mean_velocity = np.zeros(self.survey.acquisition.grid.shape)
        blocks = [indices[start : start + block] for start in range(0, count, block)]
        for some in blocks:
            mean_gather += self.survey.gathers(some).sum(axis=0, dtype=np.float64) / count
            mean_velocity += self.survey.velocity(some).sum(axis=0, dtype=np.float64) / count
        squares = sum(
            np.sum((self.survey.gathers(some) - mean_gather) ** 2, axis=0, dtype=np.float64) for some in blocks
        )
        deviation = np.sqrt(np.mean(squares / count))
        return Conditioning(
            self.shape,
            mean_gather.astype(np.float32),
            np.full((1, 1, 1), deviation, np.float32),
            mean_velocity.astype(np.float32),
        )


KINDS = {GATHERS: GatherSamples}
"""What a network may read -> where it comes from."""


def samples_for(network: str, survey: Survey) -> Samples:
    """The samples of a survey for the network of this name."""
    return KINDS[NETWORKS[network].reads](survey)
