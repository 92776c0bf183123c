"""Shards as tasks of a Dask cluster: other machines make what `pool` makes on this one.

The workers write into the survey's folder themselves, which must be on a file system they share. Dask gives
the task of a worker that dies to another one, and gives up when that happened more often than its
`allowed-failures`, three unless configured. Start one worker process per core, with one thread.
"""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from data_gen.errors import DataError, MachineError, extra
from data_gen.production.shard_maker import ShardMaker
from data_gen.reading import read_json
from data_gen.survey.checked import is_whole
from data_gen.survey.specification import SurveySpecification, shard_path

PATIENCE = 60.0
"""Seconds that a cluster may be without any worker, at the beginning or later."""

VERSION = "tomo:__version__"
"""Where every worker says which tomo it has."""

_one_at_a_time = Lock()
_maker = lru_cache(maxsize=1)(ShardMaker)


def run_cluster(
    specification: SurveySpecification,
    folder: Path,
    shards: Sequence[int],
    scheduler: str,
    progress: Callable[[int], None],
) -> None:
    """Make the shards on the cluster at `scheduler`; `progress` is told of each shard's shots.

    It is an address, tcp://host:port, or the scheduler file that Dask wrote, a `.json`.
    Raises MachineError where Dask is not installed, nobody answers, there are no workers or they have another tomo,
    workers keep dying on a shard, or a shard that was made is not seen from here, and whatever TomoError a worker
    reports. Tasks that are left are cancelled; one that has begun is finished by its worker, and its shard is as good
    as any.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise MachineError(f"--scheduler needs Dask: {extra('cluster')}") from None
    address = _address(scheduler)
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise MachineError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client:
        _check_workers(client, scheduler)
        tasks = client.map(make_shard, shards, specification=specification, folder=folder, pure=False)
        shard_of = dict(zip(tasks, shards, strict=True))
        try:
            for task in _as_completed(tasks, client, scheduler):
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


def _address(scheduler: str) -> str:
    """The address of a scheduler, which may be given as the file that it wrote."""
    if not scheduler.endswith(".json"):
        return scheduler
    record = read_json(Path(scheduler))
    if not isinstance(record, dict) or not isinstance(record.get("address"), str):
        raise DataError(f"{scheduler} is no scheduler file of Dask's: it names no address")
    return record["address"]


def _check_workers(client: Any, scheduler: str) -> None:
    """See that scheduler and workers have this tomo; without it they could not even read the tasks."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise MachineError(
            f"the scheduler at {scheduler} has no workers after {PATIENCE:.0f} s: start some with `dask worker`"
        ) from None
    ours = pkgutil.resolve_name(VERSION)
    found = {
        "the scheduler": _version_on_scheduler(client),
        **client.run(pkgutil.resolve_name, VERSION, on_error="return"),
    }
    for who, theirs in found.items():
        if theirs != ours:
            what = f"has tomo {theirs}" if isinstance(theirs, str) else "has no tomo"
            raise MachineError(f"{who} of the cluster {what}, here is {ours}: install the same everywhere")


def _version_on_scheduler(client: Any) -> Any:
    try:
        return client.run_on_scheduler(pkgutil.resolve_name, VERSION)
    except (ImportError, AttributeError) as error:
        return error


def _as_completed(tasks: Sequence[Any], client: Any, scheduler: str) -> Iterator[Any]:
    """The tasks as they end; raises MachineError where there has been no worker for some time."""
    from distributed import as_completed

    ending = as_completed(tasks)
    last = time.monotonic()
    while ending.count():
        ended = list(ending.next_batch(block=False))
        yield from ended
        if ended or time.monotonic() - last < PATIENCE:
            last = time.monotonic() if ended else last
        elif not client.nthreads():
            raise MachineError(f"the cluster at {scheduler} has lost all its workers: start some, and type this again")
        if not ended:
            time.sleep(0.1)
