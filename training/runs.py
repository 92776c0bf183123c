"""A run on disk: a folder with the resolved configuration, the history, the checkpoint and the final model.

config.json            settings, acquisition, the survey and its identity, versions: everything needed to train again
trained_on.json        fingerprints of the velocity models that were trained on, or chosen by
history.csv            one row per epoch
log.txt                what happened when, in words: begun, an epoch, stopped, gone on, finished; machine and versions
tensorboard/           the same for TensorBoard
start.keras            of a run that began with weights that were there: a network with these
checkpoint.npz         weights and all of the optimizer's state after the last whole epoch; gone when training is done
model.keras            the final model; its presence says that the run is finished
"""

from __future__ import annotations

import csv
import dataclasses
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.files import TEMPORARY, write_bytes, write_json
from data_gen.grid import Grid
from data_gen.reading import DAMAGE, cause, check_folder, check_regular, read_json, reading, typed
from data_gen.survey.reader import Survey
from models.registry import NETWORKS, PANELS
from training.archive import read_card
from training.origin import Source, Start
from training.settings import Settings

FORMAT = 2
TRAINED_ON = "trained_on.json"
GRID_FIELDS = tuple(field.name for field in dataclasses.fields(Grid))


@dataclass(frozen=True)
class Run:
    """A run's folder and what its configuration says.

    `survey` is where the survey lay when the training began, None for one in memory; `identity` is what it was. `start`
    are weights that it began with, if any.
    """

    folder: Path
    settings: Settings
    survey: Path | None
    identity: str
    acquisition: Acquisition
    start: Start | None = None

    @property
    def name(self) -> str:
        """The folder's name, by which tables and figures call the run."""
        return self.folder.resolve().name

    @property
    def model_file(self) -> Path:
        """The final model."""
        return self.folder / "model.keras"

    @property
    def start_file(self) -> Path:
        """The network that the run began with, if it did."""
        return self.folder / "start.keras"

    @property
    def scheduled_epochs(self) -> int:
        """Epochs that the learning rate's schedule is over: a run that goes on without its optimizer's state begins one
        anew."""
        before = 0 if self.start is None or self.start.state else self.start.epochs
        return self.settings.epochs - before

    @property
    def checkpoint_file(self) -> Path:
        """Weights and optimizer state after the last whole epoch."""
        return self.folder / "checkpoint.npz"

    @property
    def history_file(self) -> Path:
        """One row per epoch."""
        return self.folder / "history.csv"

    @property
    def log_file(self) -> Path:
        """What happened when, in words."""
        return self.folder / "log.txt"

    @property
    def finished(self) -> bool:
        """Whether the final model is there; while a run goes on, the one of before is."""
        if self.start is None or not self.start.epochs or not self.model_file.exists():
            return self.model_file.exists()
        return read_card(self.model_file).settings == self.settings

    def history(self) -> dict[str, list[float]]:
        """The columns of the history by name; raises DataError where the file is damaged."""
        check_regular(self.history_file)
        with reading(self.history_file), self.history_file.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
            if "loss" not in header:
                raise ValueError("it has no column `loss`")
            return {name: [float(row[column]) for row in rows] for column, name in enumerate(header)}

    def trained_on(self) -> set[str]:
        """Fingerprints of the models that the weights come from; raises DataError where the file is damaged."""
        path = self.folder / TRAINED_ON
        fingerprints = read_json(path)
        if not isinstance(fingerprints, list) or not all(isinstance(each, str) for each in fingerprints):
            raise DataError(f"{path} cannot be read: it holds no list of fingerprints")
        return set(fingerprints)

    def find_survey(self) -> Survey:
        """The survey that the run was trained on, where it was or beside the run as it was then.

        Raises DataError where it is at neither place, or is another one now.
        """
        if self.survey is None:
            raise DataError(f"{self.folder} was trained on arrays, and not on a survey on disk")
        if not self.survey.exists():
            raise DataError(f"{self.folder} was trained on {self.survey}, which is gone: say where it is by --survey")
        survey = Survey.open(self.survey)
        if not survey.is_or_was(self.identity):
            raise DataError(f"{self.survey} is not the survey that {self.folder} was trained on: it has been made anew")
        return survey

    def check_geometry(self, survey: Survey) -> None:
        """Raise DataError unless the network can read the survey.

        One that reads gathers knows those of its own acquisition alone, one that reads panels any over its grid.
        """
        different = self.acquisition.differences(survey.acquisition)
        if NETWORKS[self.settings.network].reads == PANELS:
            different = [name for name in different if name in GRID_FIELDS]
        if different:
            raise DataError(f"{self.folder} was trained on another geometry than {survey.name}: {', '.join(different)}")


def begin_run(folder: Path, settings: Settings, survey: Survey, source: Source | None = None) -> Run:
    """Make a run's folder, or open one that the same settings and survey began.

    A finished run goes on if the settings have more epochs and are otherwise the same. A new one begins with the
    weights of a `source`, if there is one. Raises DataError where the folder holds anything else.
    """
    run = Run(folder, settings, survey.folder and survey.folder.resolve(), survey.identity(), survey.acquisition)
    path = folder / "config.json"
    if path.exists():
        begun = _read(folder)
        _check_same(begun, run, source)
        run = dataclasses.replace(run, start=begun.start)
        return run if begun.settings.epochs == settings.epochs else _extended(begun, run)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} already exists and holds no run: choose another folder")
    ours = (TEMPORARY, ".lock", TRAINED_ON, "start.keras")  # of a process that was killed while it began this run
    if folder.exists() and any(not entry.name.startswith(ours) for entry in folder.iterdir()):
        raise DataError(f"{folder} already exists and holds no run: choose another folder")
    trained_on = {survey.fingerprint(int(index)): None for index in survey.train}
    if source is not None:
        run = dataclasses.replace(run, start=Start(name=source.name, known=source.trained_on is not None))
        trained_on |= dict.fromkeys(sorted(source.trained_on or ()))
        write_bytes(run.start_file, source.file.read_bytes())
    write_json(folder / TRAINED_ON, list(trained_on))
    write_json(path, _record(run))
    return run


def _check_same(begun: Run, run: Run, source: Source | None) -> None:
    """Raise DataError unless a run is the one that was begun, or goes on after it."""
    folder, epochs = run.folder, run.settings.epochs
    if begun.identity != run.identity:
        if run.survey is not None and Survey.open(run.survey).is_or_was(begun.identity):
            raise DataError(
                f"{folder} was begun before {run.survey} grew: choose another folder, and begin with its weights by "
                f"--from {folder}"
            )
        raise DataError(f"{folder} already holds another run: choose another folder, or delete this one")
    if dataclasses.replace(begun.settings, epochs=epochs) != run.settings or epochs < begun.settings.epochs:
        raise DataError(f"{folder} already holds another run: choose another folder, or delete this one")
    if source is not None and (begun.start is None or begun.start.name != source.name):
        raise DataError(f"{folder} holds a run that did not begin with {source.name}: choose another folder")
    if epochs > begun.settings.epochs and not begun.finished:
        raise DataError(
            f"{folder} is not finished: continue it with --epochs {begun.settings.epochs}; then it can go on"
        )


def _extended(begun: Run, run: Run) -> Run:
    """A finished run with more epochs to go; the network of before stays until there is a new one."""
    known = begun.start is None or begun.start.known
    name = None if begun.start is None else begun.start.name
    start = Start(len(begun.history()["loss"]), name, known, state=begun.checkpoint_file.exists())
    run = dataclasses.replace(run, start=start)
    write_bytes(run.start_file, begun.model_file.read_bytes())
    write_json(run.folder / "config.json", _record(run))
    return run


def recorded_settings(folder: Path) -> Settings | None:
    """The settings of the run in a folder, None where there is none; raises DataError where they cannot be read."""
    return _read(folder).settings if (folder / "config.json").exists() else None


def any_run(folder: Path) -> Run | None:
    """The run in a folder, finished or not, None where there is none; raises DataError where it cannot be read."""
    return _read(folder) if (folder / "config.json").exists() else None


def open_run(folder: str | Path) -> Run:
    """Open a finished run.

    Raises DataError where the folder is no run or the run is not finished.
    """
    run = _read(Path(folder))
    if not run.finished:
        raise DataError(f"{folder} is not finished: continue it with the command that began it")
    return run


def _read(folder: Path) -> Run:
    path = folder / "config.json"
    if not os.path.lexists(path):
        check_folder(folder)
        raise DataError(f"{folder} is not a run: it holds no config.json")
    record = read_json(path)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DataError(f"{path} is of another version of tomo: train it anew")
    try:
        survey, identity = record["survey"], record["survey_identity"]
        if not (survey is None or isinstance(survey, str)) or not isinstance(identity, str):
            raise ValueError("its survey is no path, or has no identity")
        return Run(
            folder,
            typed(Settings, record["settings"]),
            None if survey is None else (folder / survey).resolve(),
            identity,
            Acquisition.from_json(record["acquisition"]),
            None if record.get("start") is None else typed(Start, record["start"]),
        )
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read: {cause(error)}") from None


def _record(run: Run) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "settings": dataclasses.asdict(run.settings),
        "survey": run.survey and os.path.relpath(run.survey, run.folder.resolve()),
        "survey_identity": run.identity,
        "acquisition": run.acquisition.to_json(),
        "start": run.start and dataclasses.asdict(run.start),
        "versions": {package: version(package) for package in ("tomo", "tensorflow", "keras", "numpy")},
    }


def split(survey: Survey, validation: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training models to learn from, and of those, the last share, to choose weights by.

    Models are independent draws, so that the last ones are as good as any. Raises SettingError for no share.
    """
    if not 0 <= validation < 1:
        raise SettingError(f"validation is a share: at least 0 and below 1, not {validation}")
    held_back = round(validation * len(survey.train))
    return survey.train[: len(survey.train) - held_back], survey.train[len(survey.train) - held_back :]
