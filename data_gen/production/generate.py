"""Generate a survey: geology, simulation and files, by worker processes, to the end or to be continued.

The folder's state is its shards. Each is the same bytes whoever makes it, appears whole or not at all, and
is never made twice: a run that was killed is continued by the same call.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_gen.errors import DataError, MachineError
from data_gen.files import TEMPORARY, locked, reason, sweep, write_text
from data_gen.machine import available_cores
from data_gen.production.pool import run_pool
from data_gen.production.shard_maker import SurveyJob
from data_gen.survey.checked import is_whole_of
from data_gen.survey.reader import Survey
from data_gen.survey.specification import (
    FORMAT,
    MODELS_PER_SHARD,
    SurveySpecification,
    grows_into,
    read_record,
    read_specification,
    shard_path,
    shards_there,
)
from data_gen.survey.virtual import write_virtual
from data_gen.velocity.earth import EarthModels

Progress = Callable[[int], None]


def generate_survey(
    specification: SurveySpecification,
    output: str | Path,
    workers: int | None = None,
    progress: Progress = lambda shots: None,
    scheduler: str | None = None,
) -> None:
    """Make a survey in the folder `output`, or finish the one that was begun there; a finished one may grow, by a
    specification of more models that is otherwise the same.

    `workers` processes (default: one per core of this machine) do it, or those of the Dask cluster at the
    address `scheduler`. `progress` is told of shots as they finish; those of earlier runs come first.
    Raises TomoError for a folder that holds anything else or is being written to, for velocities that do
    not suit the survey, for a full disk, for a missing compiler, and for shards on which three workers
    died.
    """
    folder = Path(output).absolute()
    _check_free(folder)
    shards = shard_path(folder, 0).parent
    if not (folder / "survey.json").exists():  # what can be missing is, before anything is made
        from data_gen.simulator import require_compiler

        require_compiler()
        if specification.velocity_files:
            EarthModels(specification)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder} cannot be made: {reason(error)}") from None
    with locked(folder, "tomo generate"):
        _claim(folder, specification)
        shards.mkdir(exist_ok=True)
        sweep(folder, shards)
        done = {
            shard
            for shard in shards_there(folder, specification)
            if is_whole_of(shard_path(folder, shard), "velocity", len(specification.shard_models(shard)))
        }
        missing = [shard for shard in range(specification.shards) if shard not in done]
        progress(sum(len(specification.shard_models(shard)) for shard in done) * specification.acquisition.sources)
        if missing:
            _check_simulation(folder, specification)
            _check_room(folder, specification, len(missing))
        if missing and scheduler:
            from data_gen.production.cluster import run_cluster

            run_cluster(specification, folder, missing, scheduler, progress)
        elif missing:
            run_pool(SurveyJob(specification, folder), missing, workers or available_cores(), progress)
        sweep(folder, shards)
        write_virtual(folder, specification)


def _check_free(folder: Path) -> None:
    """Raise DataError, before anything is touched, for a folder that holds something else than a survey."""
    if not folder.is_dir() or (folder / "survey.json").exists():
        return
    strangers = {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY)} - {".lock"}
    if strangers:
        raise DataError(f"{folder} is not empty and holds no survey: choose another folder")


def _claim(folder: Path, specification: SurveySpecification) -> None:
    """Write `survey.json`, or see that the one there is of the same survey, or of one that grows into it."""
    if not (folder / "survey.json").exists():
        write_text(folder / "survey.json", json.dumps(_record(specification), indent=2))
        return
    begun = read_specification(folder)
    if begun.identity() == specification.identity():
        return
    if not grows_into(begun, specification):
        raise DataError(f"{folder} holds another survey: choose another folder, or remove this one")
    _check_simulation(folder, specification)
    before = read_record(folder)
    was = {"models": begun.models, "identity": Survey.open(folder).identity(), "versions": before["versions"]}
    record = _record(specification) | {"grown_from": [*before.get("grown_from", []), was]}
    write_text(folder / "survey.json", json.dumps(record, indent=2))


def _check_simulation(folder: Path, specification: SurveySpecification) -> None:
    """See that what is missing would be simulated as what is there."""
    from data_gen.simulator.acoustic import describe

    if read_record(folder)["simulation"] != describe(specification.acquisition):
        raise DataError(
            f"{folder} was begun by a version of tomo that simulates otherwise: finish it with that one, "
            "or choose another folder"
        )


def _check_room(folder: Path, specification: SurveySpecification, shards: int) -> None:
    """Raise MachineError where the disk is too small for so many shards, before hours are spent on filling it."""
    models = min(shards * MODELS_PER_SHARD, specification.models)
    needed, free = models * specification.bytes_per_model, shutil.disk_usage(folder).free
    if needed > free:
        raise MachineError(f"{folder} needs {_size(needed)} more, and its disk has {_size(free)} left")


def _size(count: int) -> str:
    """Bytes in a unit that suits them."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.2f} MB"


def _record(specification: SurveySpecification) -> dict[str, Any]:
    """All that `survey.json` says: what the survey is made from, how, and by which versions."""
    from data_gen.simulator.acoustic import describe

    packages = ("tomo", "devito", "numpy", "scipy", "h5py")
    versions = {"python": platform.python_version()}
    versions |= {package: importlib.metadata.version(package) for package in packages}
    return {
        "format": FORMAT,
        "specification": specification.to_json(),
        "sha256": specification.sha256(),
        "simulation": describe(specification.acquisition),
        "versions": versions,
    }
