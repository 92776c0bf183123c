"""Small surveys on disk for tests that need files and no processes: random geology, and gathers of it or of nothing."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.geology import random_model
from data_gen.grid import Grid
from data_gen.survey.shards import ShardContent, write_shard
from data_gen.survey.specification import FORMAT, SurveySpecification, shard_path
from data_gen.survey.virtual import write_virtual

LINE = Acquisition(Grid(24, 24, 15.0), sources=3, receivers=32, samples=60, sample_interval=0.008)


def write_survey(folder: Path, specification: SurveySpecification, simulated: bool = True) -> Path:
    """A survey as `generate_survey` makes it, by this process; unless it is `simulated` its gathers are random."""
    from data_gen.simulator.acoustic import describe

    record = {
        "format": FORMAT,
        "specification": specification.to_json(),
        "sha256": specification.sha256(),
        "simulation": describe(specification.acquisition),
        "versions": {"tomo": "0"},
    }
    folder.mkdir(parents=True)
    (folder / "survey.json").write_text(json.dumps(record))
    for shard in range(specification.shards):
        models = specification.shard_models(shard)
        earths = [
            random_model(np.random.default_rng([specification.seed, index]), specification.acquisition)
            for index in models
        ]
        velocity, mask = (np.stack([getattr(earth, name) for earth in earths]) for name in ("velocity", "salt_mask"))
        if simulated:
            gathers = np.stack([simulator(specification.acquisition).gather(earth.velocity) for earth in earths])
        else:
            gathers = np.random.default_rng(shard).normal(size=(len(models), *specification.acquisition.gather_shape))
        parameters = [earth.parameters for earth in earths]
        content = ShardContent(gathers.astype(np.float32), velocity.astype(np.float32), mask, parameters)
        write_shard(shard_path(folder, shard), content, specification.dtype)
    write_virtual(folder, specification)
    return folder


@functools.lru_cache(maxsize=4)
def simulator(acquisition: Acquisition):
    from data_gen.simulator.acoustic import Simulator

    return Simulator(acquisition)
