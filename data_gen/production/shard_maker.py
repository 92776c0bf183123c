"""The shards of a survey: geology and simulation, model by model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.production.worker import Tell
from data_gen.survey.shards import ShardContent, write_shard
from data_gen.survey.specification import SurveySpecification, shard_path


@dataclass(frozen=True)
class SurveyJob:
    """The shards of a survey in a folder."""

    specification: SurveySpecification
    folder: Path

    def models(self, shard: int) -> range:
        """Indices of the models in a shard."""
        return self.specification.shard_models(shard)

    def maker(self) -> ShardMaker:
        """What makes the shards."""
        return ShardMaker(self.specification, self.folder)


class ShardMaker:
    """Makes the shards of a survey in a folder; building one compiles the simulator."""

    def __init__(self, specification: SurveySpecification, folder: Path) -> None:
        from data_gen.simulator.acoustic import Simulator
        from data_gen.velocity.earth import EarthModels

        self._specification, self._folder = specification, folder
        self._models = EarthModels(specification)
        self.simulator = Simulator(specification.acquisition)

    def make(self, shard: int, tell: Tell) -> None:
        """Make a shard; raises DataError for velocities that do not suit, MachineError where it cannot be written."""
        models, acquisition = self._specification.shard_models(shard), self._specification.acquisition
        gathers = np.empty((len(models), *acquisition.gather_shape), np.float32)
        earths = []
        for row, index in enumerate(models):
            tell("model", index)
            earths.append(self._models[index])
            gathers[row] = self.simulator.gather(earths[-1].velocity)
            tell("done", acquisition.sources)
        content = ShardContent(
            gathers,
            np.stack([earth.velocity for earth in earths]).astype(np.float32),
            np.stack([earth.salt_mask for earth in earths]).astype(bool),
            [earth.parameters for earth in earths],
        )
        write_shard(shard_path(self._folder, shard), content, self._specification.dtype)
