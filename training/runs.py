"""A run on disk: a folder with the resolved configuration, the history, the checkpoint and the final model.

config.json            settings, acquisition, optimizer, versions: everything needed to train again
history.csv            one row per epoch
tensorboard/           the same for TensorBoard
checkpoint.weights.h5  weights and all of the optimizer's state after the last whole epoch
model.keras            the final model, from raw gathers to m/s; its presence says that the run is finished
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.survey.reader import Survey

OPTIMIZERS = ("adam", "sqgn", "sqgn-reference")
AUGMENTATIONS = ("none", "mirror", "all")


@dataclass(frozen=True)
class Settings:
    """All that decides the weights a training ends with, given the survey.

    `architecture` names one of `models.architecture`; `learning_rate` None means the optimizer's own;
    `micro_batch` None means whole mini-batches; `augment` is one of `AUGMENTATIONS`.
    """

    optimizer: str
    architecture: str
    epochs: int
    batch_size: int
    learning_rate: float | None = None
    seed: int = 0
    micro_batch: int | None = None
    augment: str = "none"

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise SettingError(f"unknown optimizer {self.optimizer!r}: choose from {', '.join(OPTIMIZERS)}")
        if self.augment not in AUGMENTATIONS:
            raise SettingError(f"unknown augmentation {self.augment!r}: choose from {', '.join(AUGMENTATIONS)}")
        for name in ("epochs", "batch_size", "learning_rate", "micro_batch"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SettingError(f"{name.replace('_', ' ')} must be positive, not {value}")


@dataclass(frozen=True)
class Run:
    """A run's folder and what its configuration says."""

    folder: Path
    settings: Settings
    survey: Path
    acquisition: Acquisition

    @property
    def name(self) -> str:
        """The folder's name, by which tables and figures call the run."""
        return self.folder.name

    @property
    def model_file(self) -> Path:
        """The final model."""
        return self.folder / "model.keras"

    @property
    def checkpoint_file(self) -> Path:
        """Weights and optimizer state after the last whole epoch."""
        return self.folder / "checkpoint.weights.h5"

    @property
    def history_file(self) -> Path:
        """One row per epoch."""
        return self.folder / "history.csv"

    @property
    def finished(self) -> bool:
        """Whether the final model is there."""
        return self.model_file.exists()

    def history(self) -> dict[str, list[float]]:
        """The columns of the history by name."""
        with self.history_file.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}

    def check_geometry(self, survey: Survey) -> None:
        """Raise DataError unless the survey was recorded with the acquisition that the network was trained for."""
        theirs, ours = survey.specification.acquisition, self.acquisition
        different = [
            field.name
            for field in dataclasses.fields(Acquisition)
            if getattr(theirs, field.name) != getattr(ours, field.name)
        ]
        if different:
            raise DataError(
                f"{self.folder} was trained on another geometry than {survey.folder}: {', '.join(different)}"
            )


def begin_run(folder: Path, settings: Settings, survey: Survey) -> Run:
    """Make a run's folder, or open one that the same settings and survey began.

    Raises DataError where the folder holds anything else.
    """
    run = Run(folder, settings, survey.folder.resolve(), survey.specification.acquisition)
    record = _record(run)
    path = folder / "config.json"
    if path.exists():
        begun = json.loads(path.read_text())
        if any(begun[key] != record[key] for key in ("settings", "survey", "acquisition")):
            raise DataError(f"{folder} already holds another run: choose another folder, or delete this one")
        return run
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} already exists and holds no run: choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(record, indent=1) + "\n")
    return run


def open_run(folder: str | Path) -> Run:
    """Open a finished run.

    Raises DataError where the folder is no run or the run is not finished.
    """
    folder = Path(folder)
    path = folder / "config.json"
    try:
        record = json.loads(path.read_text())
        acquisition = dict(record["acquisition"])
        acquisition["velocity_limits"] = tuple(acquisition["velocity_limits"])
        run = Run(folder, Settings(**record["settings"]), Path(record["survey"]), Acquisition(**acquisition))
    except FileNotFoundError:
        raise DataError(f"{folder} is not a run: it holds no config.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if not run.finished:
        raise DataError(f"{folder} is not finished: continue it with the command that began it")
    return run


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)


def _record(run: Run) -> dict[str, Any]:
    values = {
        "settings": dataclasses.asdict(run.settings),
        "survey": str(run.survey),
        "acquisition": dataclasses.asdict(run.acquisition),
        "versions": {package: version(package) for package in ("tomo", "tensorflow", "keras", "numpy")},
    }
    return json.loads(json.dumps(values))
