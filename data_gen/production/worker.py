"""One worker: a process that builds the simulator once and then makes the shards it is told to make.

It runs in a fresh interpreter that shares nothing with its parent but one socket. Over it come the specification, the
folder, and shard numbers until None; back go ("model", index) before each model, ("shots", number) after it,
("shard", number) when a shard is whole, and ("error", the TomoError) for what no other worker would do better.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from data_gen.errors import MachineError, TomoError
from data_gen.survey.shards import ShardContent, write_shard
from data_gen.survey.specification import SurveySpecification, shard_path


class ShardMaker:
    """Makes the shards of a survey in a folder; building one compiles the simulator."""

    def __init__(self, specification: SurveySpecification, folder: Path) -> None:
        from data_gen.simulator.acoustic import Simulator
        from data_gen.velocity.earth import EarthModels

        self._specification, self._folder = specification, folder
        self._models = EarthModels(specification)
        self.simulator = Simulator(specification.acquisition)

    def make(self, shard: int, tell: Callable[[str, int], None]) -> None:
        """Make a shard; raises DataError for velocities that do not suit, MachineError where it cannot be written."""
        models, acquisition = self._specification.shard_models(shard), self._specification.acquisition
        gathers = np.empty((len(models), *acquisition.gather_shape), np.float32)
        earths = []
        for row, index in enumerate(models):
            tell("model", index)
            earths.append(self._models[index])
            gathers[row] = self.simulator.gather(earths[-1].velocity)
            tell("shots", acquisition.sources)
        content = ShardContent(
            gathers,
            np.stack([earth.velocity for earth in earths]).astype(np.float32),
            np.stack([earth.salt_mask for earth in earths]).astype(bool),
            [earth.parameters for earth in earths],
        )
        write_shard(shard_path(self._folder, shard), content, self._specification.dtype)


def work(connection: Connection) -> None:
    """Serve the parent at the other end until it sends None or is gone."""
    specification, folder = connection.recv()
    maker = None
    while (shard := connection.recv()) is not None:
        try:
            maker = maker or ShardMaker(specification, folder)
            maker.make(shard, lambda kind, value: connection.send((kind, value)))
        except TomoError as error:
            connection.send(("error", error))
            return
        except Exception as error:
            said = (str(error).strip().splitlines() or [""])[0]
            connection.send(("error", MachineError(f"a worker failed: {type(error).__name__}: {said}")))
            return
        connection.send(("shard", shard))


def main() -> None:
    """Serve the parent over the socket whose number is the last argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work(Connection(int(sys.argv[-1])))
    except (EOFError, ConnectionError):
        os._exit(1)
