"""Prediction from somebody's own gathers: a file of them, checked against what a run was trained on, and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import keras
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.files import hdf5_in_memory, write_bytes
from data_gen.reading import open_npy, reading, sources
from data_gen.survey.checked import has_checksum, verify
from models.conditioning import training_rms
from training.pipeline import PREDICTION_BATCH
from training.predictor import Predictor

AMPLITUDES = (0.5, 2.0)
"""Gathers whose RMS is this many times that of the training gathers or less, or more, are of another unit."""


@dataclass(frozen=True)
class GatherFile:
    """Gathers in a file: `data` (model, source, receiver, time) as stored, `scale` (model,), a `factor` for all.

    `velocity` (model, depth, x) [m/s] are the true models, where the file has them, as a survey's own does.
    Iterating gives blocks of models, float32, in the unit that the network knows.
    """

    path: Path
    data: h5py.Dataset | np.ndarray
    scale: np.ndarray
    factor: float = 1.0
    velocity: h5py.Dataset | None = None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, models: slice) -> np.ndarray:
        with reading(self.path):
            values = np.asarray(self.data[models], np.float32)
        return values * np.float32(self.factor) * self.scale[models, None, None, None].astype(np.float32)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[start : start + PREDICTION_BATCH] for start in range(0, len(self), PREDICTION_BATCH))


@contextmanager
def open_gathers(path: Path, acquisition: Acquisition) -> Iterator[GatherFile]:
    """Gathers of the acquisition's geometry from an HDF5 or NumPy file, open for as long as this lasts.

    HDF5 (`.h5`, netCDF 4): a dataset `gathers`, (model, source, receiver, time) or one survey without the first axis;
    if the file holds `source`, `receiver` [m] or `time` [s], they must be the acquisition's, and a `scale` (model,)
    is applied, as in a survey's own `survey.h5`. NumPy (`.npy`): the array alone. Real numbers of any type.
    Raises DataError where the file cannot be read or does not fit.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file of gathers: a survey's is its survey.h5")
    with ExitStack() as stack:
        if path.suffix.lower() == ".npy":
            contents: Mapping = {"gathers": open_npy(path)}
        else:
            for source in sorted(set().union(*(sources(path, name) for name in ("gathers", "scale", "velocity")))):
                if has_checksum(source):
                    verify(source)  # a survey's own shard
            with reading(path):
                contents = stack.enter_context(h5py.File(path, "r"))
        with reading(path):
            if not isinstance(contents.get("gathers"), h5py.Dataset | np.ndarray):
                raise DataError(f"{path} holds no dataset `gathers`, only: {', '.join(contents) or 'nothing'}")
            data = contents["gathers"]
            _check_geometry(path, data, contents, acquisition)
            if data.ndim == 3:
                data = np.asarray(data)[None]
            scale = np.asarray(contents["scale"], np.float64) if "scale" in contents else np.ones(len(data))
            velocity = contents.get("velocity")
        if scale.shape != (len(data),):
            raise DataError(f"{path} holds {len(data)} models and a `scale` of shape {scale.shape}, not one each")
        if not isinstance(velocity, h5py.Dataset) or velocity.shape != (len(data), *acquisition.grid.shape):
            velocity = None
        yield GatherFile(path, data, scale, velocity=velocity)


def _check_geometry(path: Path, data: h5py.Dataset | np.ndarray, contents: Mapping, acquisition: Acquisition) -> None:
    if data.dtype.kind not in "fiu":
        raise DataError(f"{path} holds gathers of type {data.dtype}, not real numbers")
    if data.ndim not in (3, 4) or data.shape[-3:] != acquisition.gather_shape or 0 in data.shape:
        raise DataError(
            f"{path} holds gathers of shape {data.shape}; the run needs (model, source, receiver, time) = "
            f"(any, {', '.join(map(str, acquisition.gather_shape))}), {acquisition}"
        )
    for name, ours in (
        ("source", acquisition.source_x),
        ("receiver", acquisition.receiver_x),
        ("time", acquisition.time),
    ):
        theirs = np.asarray(contents[name]) if _has_axis(contents, name) else ours
        if theirs.shape != ours.shape or not np.allclose(theirs, ours, rtol=1e-4, atol=1e-4 * ours[-1]):
            raise DataError(f"{path} has another `{name}` axis than the run, which was trained on {acquisition}")


def _has_axis(contents: Mapping, name: str) -> bool:
    """Whether positions or times are stored; netCDF keeps an empty array for an axis that has only a length."""
    no_variable = b"This is a netCDF dimension but not a netCDF variable"
    return name in contents and not bytes(contents[name].attrs.get("NAME", b"")).startswith(no_variable)


def measure_rms(gathers: GatherFile) -> float:
    """Root mean square of all samples of a file, each of which is looked at.

    Raises DataError for samples that are not finite, and for a model without signal.
    """
    power: list[float] = []
    for block in gathers:
        power += list(np.mean(np.square(block, dtype=np.float64), axis=(1, 2, 3)))
    for model, value in enumerate(power):
        if not np.isfinite(value):
            raise DataError(f"{gathers.path}: model {model} holds samples that are not finite")
        if value == 0:
            raise DataError(f"{gathers.path}: model {model} is silent, all its samples are zero")
    return float(np.sqrt(np.mean(power)))


def in_the_network_s_unit(gathers: GatherFile, network: keras.Model, rescale: bool) -> GatherFile:
    """The gathers for a network that reads gathers; with `rescale` brought to the RMS of the training gathers.

    One factor for the whole file, so that differences between its models stay. Raises DataError as `measure_rms`, and,
    without `rescale`, for gathers of quite another strength.
    """
    ratio = measure_rms(gathers) / training_rms(network)
    if rescale:
        return replace(gathers, factor=1 / ratio)
    if not AMPLITUDES[0] < ratio < AMPLITUDES[1]:
        raise DataError(
            f"{gathers.path} holds gathers {ratio:.3g} times as strong as the run was trained on: if only their "
            "unit differs, give --rescale"
        )
    return gathers


def predict_gathers(predictor: Predictor, gathers: GatherFile) -> np.ndarray:
    """Velocity images (model, depth, x) [m/s]."""
    return np.concatenate([predictor.predict(block) for block in gathers])


def write_prediction(
    path: Path, velocity: np.ndarray, acquisition: Acquisition, more: Mapping[str, np.ndarray]
) -> None:
    """Write `velocity` (model, depth, x) [m/s] with its coordinates [m], and `more` numbers (model,).

    The file is there whole or not at all. Raises MachineError where it cannot be written.
    """
    with hdf5_in_memory() as made:
        _fill(made.file, velocity, acquisition, more)
    write_bytes(path, made.image)


def _fill(file: h5py.File, velocity: np.ndarray, acquisition: Acquisition, more: Mapping[str, np.ndarray]) -> None:
    for name, values in (("depth", acquisition.grid.depth), ("x", acquisition.grid.x)):
        file[name] = values
        file[name].make_scale(name)
        file[name].attrs["units"] = "m"
    file["model"] = np.arange(len(velocity))
    file["model"].make_scale("model")
    file["velocity"] = velocity
    file["velocity"].attrs["units"] = "m/s"
    for axis, name in enumerate(("model", "depth", "x")):
        file["velocity"].dims[axis].attach_scale(file[name])
    for name, numbers in more.items():
        file[name] = numbers
        file[name].dims[0].attach_scale(file["model"])
