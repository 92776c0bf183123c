"""Shards as tasks of a Dask cluster: other machines make what `pool` makes on this one.

The workers write into the survey's folder themselves, which must be on a file system they share. Dask gives
the task of a worker that dies to another one, and gives up when that happened more often than its
`allowed-failures`, three unless configured. Start one worker process per core, with one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import lru_cache
from pathlib import Path
from threading import Lock

from data_gen.errors import MachineError, extra
from data_gen.production.shard_maker import ShardMaker
from data_gen.survey.checked import is_whole
from data_gen.survey.specification import SurveySpecification, shard_path

_one_at_a_time = Lock()
_maker = lru_cache(maxsize=1)(ShardMaker)


def run_cluster(
    specification: SurveySpecification,
    folder: Path,
    shards: Sequence[int],
    scheduler: str,
    progress: Callable[[int], None],
) -> None:
    """Make the shards on the cluster at `scheduler`, tcp://host:port; `progress` is told of each shard's shots.

    Raises MachineError where Dask is not installed, nobody answers, workers keep dying on a shard, or a shard that
    was made is not seen from here, and whatever TomoError a worker reports. Tasks that are left are cancelled; one
    that has begun is finished by its worker, and its shard is as good as any.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise MachineError(f"--scheduler needs Dask: {extra('cluster')}") from None
    try:
        client = Client(scheduler)
    except (OSError, ValueError) as error:
        raise MachineError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client:
        tasks = client.map(make_shard, shards, specification=specification, folder=folder, pure=False)
        shard_of = dict(zip(tasks, shards, strict=True))
        try:
            for task in as_completed(tasks):
                models = specification.shard_models(shard_of[task])
                path = shard_path(folder, shard_of[task])
                try:
                    task.result()
                except KilledWorker as error:
                    where = f"shard {shard_of[task]}, models {models.start} to {models.stop - 1}"
                    raise MachineError(f"workers of the cluster keep dying on {where}: {error}") from None
                except (CancelledError, ImportError) as error:
                    raise MachineError(f"the cluster at {scheduler} failed: {error!r}") from None
                if not is_whole(path):
                    raise MachineError(f"the cluster made {path}, which is not seen from here: share the folder")
                progress(len(models) * specification.acquisition.sources)
        finally:
            client.cancel(tasks)


def make_shard(shard: int, specification: SurveySpecification, folder: Path) -> None:
    """The task: make one shard, with a simulator that this process keeps for the next."""
    with _one_at_a_time:
        _maker(specification, folder).make(shard, lambda kind, value: None)
