"""What a survey is made from: the specification, and its record `survey.json`.

Two runs of the same specification give the same bytes, whatever the number of workers or interruptions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.reading import DAMAGE, cause, check_folder, read_json, typed

FORMAT = 1
MODELS_PER_SHARD = 16
MOST_MODELS = 10**8
"""More would take the files of a petabyte, and nobody asks for them but by mistake."""
VARIED = "varied"
"""The geology that is not worth a word in a record; also `data_gen.geology.families.VARIED`."""
DTYPES = ("float32", "float16")


@dataclass(frozen=True)
class VelocityFile:
    """A file of somebody else's velocity models: its name, SHA-256 and the spacing of its grid [m].

    The spacing is one number, or one along depth and one along x. `axes` are what its user said of them, such as
    "x,depth", if anything.
    """

    path: str
    sha256: str
    spacing: float | tuple[float, float]
    axes: str | None = None

    @property
    def steps(self) -> tuple[float, float]:
        """Spacing along depth and x [m]."""
        return self.spacing if isinstance(self.spacing, tuple) else (self.spacing, self.spacing)

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values, without axes that nobody spoke of."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> VelocityFile:
        """The inverse of `to_json`; raises TypeError, KeyError or ValueError for anything else."""
        return typed(cls, values)


@dataclass(frozen=True)
class SurveySpecification:
    """All that decides the content of a survey.

    `models` velocity models, of which the first `train_models` are for training and the rest for testing.
    Model i comes from `np.random.default_rng([seed, i])`: random `geology` of a family of `data_gen.geology`, or, where
    `velocity_files` are given, windows cut from these. `dtype` is the type of the gathers on disk: float32, or float16
    with one scale per model.
    """

    acquisition: Acquisition
    models: int
    train_models: int
    seed: int = 0
    dtype: str = "float32"
    velocity_files: tuple[VelocityFile, ...] = ()
    geology: str = VARIED

    def __post_init__(self) -> None:
        if not 1 <= self.models <= MOST_MODELS:
            raise SettingError(f"a survey has at least one model and at most {MOST_MODELS:,}, not {self.models}")
        if self.seed < 0:
            raise SettingError(f"a seed is not negative, as {self.seed} is")
        if not 0 <= self.train_models <= self.models:
            raise SettingError(f"{self.train_models} of {self.models} models cannot be for training")
        if self.geology != VARIED:
            from data_gen.geology.families import check_family  # SciPy, which half of the commands do without

            check_family(self.geology)
            if self.velocity_files:
                raise SettingError(f"a geology of {self.geology} is for random models, not for those of files")
        if self.dtype not in DTYPES:
            raise SettingError(f"unknown dtype {self.dtype!r}: choose from {', '.join(DTYPES)}")

    @property
    def shards(self) -> int:
        """Number of shard files."""
        return -(-self.models // MODELS_PER_SHARD)

    def shard_models(self, shard: int) -> range:
        """Indices of the models in a shard."""
        return range(shard * MODELS_PER_SHARD, min((shard + 1) * MODELS_PER_SHARD, self.models))

    @property
    def bytes_per_model(self) -> int:
        """What a model takes on disk: gathers, velocity and salt mask."""
        sample = 2 if self.dtype == "float16" else 4
        return sample * math.prod(self.acquisition.gather_shape) + 5 * math.prod(self.acquisition.grid.shape)

    def to_json(self) -> dict[str, Any]:
        """The specification as JSON-able values."""
        files = tuple(file.to_json() for file in self.velocity_files)
        values = {**dataclasses.asdict(self), "acquisition": self.acquisition.to_json(), "velocity_files": files}
        if self.geology == VARIED:
            del values["geology"]  # records are as they were before there were others
        return values

    def identity(self) -> dict[str, Any]:
        """`to_json` without what may differ between copies: the paths of velocity files."""
        files = tuple(dataclasses.replace(file, path="") for file in self.velocity_files)
        return dataclasses.replace(self, velocity_files=files).to_json()

    def sha256(self) -> str:
        """Of the identity, 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SurveySpecification:
        """The inverse of `to_json`; raises TypeError, KeyError or ValueError for anything else."""
        files = tuple(VelocityFile.from_json(file) for file in values["velocity_files"])
        acquisition = Acquisition.from_json(values["acquisition"])
        return typed(cls, {**values, "acquisition": acquisition, "velocity_files": files})


@dataclass(frozen=True)
class Simulation:
    """How a survey says it was simulated; see `data_gen.simulator.acoustic.describe`."""

    equation: str
    time_order: int
    space_order: int
    step: float
    steps_per_sample: int
    stability_limit: float
    boundary: dict[str, Any]
    top: str
    wavelet: dict[str, Any]
    interpolation: dict[str, Any]
    precision: str

    def __post_init__(self) -> None:
        if not (self.step > 0 and self.stability_limit > 0 and self.steps_per_sample > 0):
            raise ValueError(f"its simulation has a step of {self.step:g} s, and a limit of {self.stability_limit:g} s")


def grows_into(old: SurveySpecification, new: SurveySpecification) -> bool:
    """Whether a survey has all of another one's models, the same by index, and more.

    Windows of velocity files are spread over the number of models: such a survey does not grow.
    """
    same = dataclasses.replace(old, models=new.models, train_models=new.train_models) == new
    return same and not new.velocity_files and old.models < new.models and old.train_models <= new.train_models


def shard_path(folder: Path, shard: int) -> Path:
    """Where a survey keeps a shard."""
    return folder / "shards" / f"{shard:05d}.h5"


def shards_there(folder: Path, specification: SurveySpecification) -> set[int]:
    """Numbers of the shards for which a survey's folder holds a file, whole or not; quick however many are missing."""
    try:
        names = {entry.name for entry in os.scandir(folder / "shards")}
    except OSError:
        return set()
    numbers = (int(name[:-3]) for name in names if name.endswith(".h5") and name[:-3].isdecimal())
    return {n for n in numbers if n < specification.shards and shard_path(folder, n).name in names}


def read_record(folder: Path) -> dict[str, Any]:
    """The content of `survey.json`.

    Raises DataError where there is none, or one that cannot be read.
    """
    path = folder / "survey.json"
    if not os.path.lexists(path):
        check_folder(folder)
        raise DataError(f"{folder} is not a survey: it holds no survey.json")
    record = read_json(path)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DataError(f"{path} is of another format than {FORMAT}, the one this version reads")
    try:
        typed(Simulation, record["simulation"])
        for part in ("boundary", "wavelet", "interpolation"):
            _check_values(record["simulation"][part])
        if not all(isinstance(version, str) for version in dict(record["versions"]).values()):
            raise ValueError("its 'versions' are no texts")
        for each in record.get("grown_from", []):
            if type(each["models"]) is not int or not isinstance(each["identity"], str):
                raise ValueError("it does not say what it has grown from")
    except DAMAGE as error:
        raise DataError(f"{path} is damaged: {cause(error)}") from None
    return record


def _check_values(values: Any) -> None:
    """Raise an error unless these are a kind and numbers, as the parts of a simulation are."""
    numbers = [value for name, value in values.items() if name != "kind"]
    if not isinstance(values["kind"], str) or not all(type(value) in (int, float) for value in numbers):
        raise ValueError(f"its simulation has {values!r}")


def read_specification(folder: Path) -> SurveySpecification:
    """The specification in `survey.json`; raises DataError where it is missing or damaged."""
    record = read_record(folder)
    try:
        specification = SurveySpecification.from_json(record["specification"])
        if record.get("sha256", specification.sha256()) != specification.sha256():  # those of 0.1 have none
            raise ValueError("its specification has been changed since it was written")
        return specification
    except DAMAGE as error:
        raise DataError(f"{folder / 'survey.json'} is damaged: {cause(error)}") from None
