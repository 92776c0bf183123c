"""Generate a survey: geology, simulation and files, by worker processes, to the end or to be continued.

The folder's state is its shards. Each is the same bytes whoever makes it, appears whole or not at all, and
is never made twice: a run that was killed is continued by the same call.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_gen.errors import DataError, MachineError
from data_gen.production.pool import run_pool
from data_gen.survey.shards import TEMPORARY, is_whole, reason, sync_folder
from data_gen.survey.specification import (
    FORMAT,
    SurveySpecification,
    read_record,
    read_specification,
    shard_path,
)
from data_gen.survey.virtual import write_virtual

Progress = Callable[[int], None]


def generate_survey(
    specification: SurveySpecification,
    output: str | Path,
    workers: int | None = None,
    progress: Progress = lambda shots: None,
    scheduler: str | None = None,
) -> None:
    """Make a survey in the folder `output`, or finish the one that was begun there.

    `workers` processes (default: one per core of this machine) do it, or those of the Dask cluster at the
    address `scheduler`. `progress` is told of shots as they finish; those of earlier runs come first.
    Raises TomoError for a folder that holds anything else or is being written to, for velocities that do
    not suit the survey, for a full disk, for a missing compiler, and for shards on which three workers
    died.
    """
    folder = Path(output).absolute()
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder} cannot be made: {error.strerror}") from None
    with _lock(folder):
        _claim(folder, specification)
        _sweep(folder)
        missing = [shard for shard in range(specification.shards) if not is_whole(shard_path(folder, shard))]
        done = set(range(specification.shards)) - set(missing)
        progress(sum(len(specification.shard_models(shard)) for shard in done) * specification.acquisition.sources)
        if missing:
            _check_simulation(folder, specification)
        if missing and scheduler:
            from data_gen.production.cluster import run_cluster

            run_cluster(specification, folder, missing, scheduler, progress)
        elif missing:
            run_pool(specification, folder, missing, workers or available_cores(), progress)
        _sweep(folder)
        try:
            write_virtual(folder, specification)
        except OSError as error:
            raise MachineError(f"{folder / 'survey.h5'} cannot be written: {reason(error)}") from None


def available_cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when this process ends, however it ends."""
    try:
        file = open(folder / ".lock", "w")  # noqa: SIM115 (its own errors are told apart)
    except OSError as error:
        raise MachineError(f"{folder} cannot be written to: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MachineError(f"another tomo generate is writing to {folder}") from None
        yield


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-written."""
    for leftover in folder.rglob(f"*{TEMPORARY}"):
        leftover.unlink(missing_ok=True)


def _claim(folder: Path, specification: SurveySpecification) -> None:
    """Write `survey.json`, or see that the one there is of the same survey."""
    if (folder / "survey.json").exists():
        if _without_paths(read_specification(folder)) != _without_paths(specification):
            raise DataError(f"{folder} holds another survey: choose another folder, or remove this one")
        return
    strangers = {path.name for path in folder.iterdir()} - {"shards", ".lock"}
    strangers = {name for name in strangers if not name.endswith(TEMPORARY)}
    if strangers or any(shard_path(folder, 0).parent.glob("*.h5")):
        raise DataError(f"{folder} is not empty and holds no survey: choose another folder")
    temporary = folder / f"survey.json.{os.getpid()}{TEMPORARY}"
    try:
        with open(temporary, "w") as file:
            json.dump(_record(specification), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / "survey.json")
        sync_folder(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MachineError(f"{folder / 'survey.json'} cannot be written: {error.strerror}") from None


def _check_simulation(folder: Path, specification: SurveySpecification) -> None:
    """See that what is missing would be simulated as what is there."""
    from data_gen.simulator.acoustic import describe

    if read_record(folder)["simulation"] != describe(specification.acquisition):
        raise DataError(
            f"{folder} was begun by a version of tomo that simulates otherwise: finish it with that one, "
            "or choose another folder"
        )


def _record(specification: SurveySpecification) -> dict[str, Any]:
    """All that `survey.json` says: what the survey is made from, how, and by which versions."""
    from data_gen.simulator.acoustic import describe

    packages = ("tomo", "devito", "numpy", "scipy", "h5py")
    versions = {"python": platform.python_version()}
    versions |= {package: importlib.metadata.version(package) for package in packages}
    return {
        "format": FORMAT,
        "specification": specification.to_json(),
        "simulation": describe(specification.acquisition),
        "versions": versions,
    }


def _without_paths(specification: SurveySpecification) -> SurveySpecification:
    files = tuple(replace(file, path="") for file in specification.velocity_files)
    return replace(specification, velocity_files=files)
