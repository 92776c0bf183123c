"""Prediction from somebody's own gathers: a file of them, seen to be what a network can read, and the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.formats.adapted import adapt
from data_gen.formats.opening import open_shots
from data_gen.formats.shots import Geometry, Shots
from data_gen.reading import reading
from models.conditioning import training_rms
from training.ensemble import Ensemble
from training.gather_file import GatherFile
from training.inspection import inspect
from training.predictor import Predictor

AMPLITUDES = (0.5, 2.0)
"""Gathers whose RMS is this many times that of the training gathers or less, or more, are of another unit."""

PLAUSIBLE = (1e-12, 1e12)
"""Factors between units lie within these."""

SHOWN = 3
"""So many values of an axis are told."""


@contextmanager
def open_gathers(path: Path, acquisition: Acquisition) -> Iterator[GatherFile]:
    """Gathers of the acquisition's own geometry from a file (see `open_shots`), open for as long as this lasts.

    What the file says of places, depths, times and the top must be as in the acquisition. Raises DataError where the
    file cannot be read or does not fit.
    """
    with open_shots(path) as shots:
        _check_geometry(path, shots, acquisition)
        yield _opened(path, shots, acquisition)


@contextmanager
def open_line(path: Path, acquisition: Acquisition, origin: float = 0.0) -> Iterator[GatherFile]:
    """Gathers of any line over the acquisition's grid, for a network that reads panels; see `adapt`.

    Raises DataError where the file cannot be read, or its line not be used.
    """
    with open_shots(path) as shots:
        _check_array(path, shots, acquisition)
        try:
            adapted = adapt(shots.data.shape, shots.geometry, acquisition, origin)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        opened = replace(_opened(path, shots, adapted.acquisition), adapted=adapted)
        yield replace(opened, velocity=None) if origin else opened


def _opened(path: Path, shots: Shots, acquisition: Acquisition) -> GatherFile:
    with reading(path):
        data = shots.data if len(shots.data.shape) == 4 else np.asarray(shots.data)[None]
    scale = np.ones(len(data)) if shots.scale is None else shots.scale
    if scale.shape != (len(data),):
        raise DataError(f"{path} holds {len(data)} models and a `scale` of shape {scale.shape}, not one each")
    velocity = shots.velocity
    if velocity is not None and velocity.shape != (len(data), *acquisition.grid.shape):
        velocity = None
    return GatherFile(path, data, scale, acquisition, velocity=velocity)


def _check_array(path: Path, shots: Shots, acquisition: Acquisition) -> None:
    data = shots.data
    if data.dtype.kind not in "fiu":
        raise DataError(f"{path} holds gathers of type {data.dtype}, not real numbers")
    if data.ndim not in (3, 4) or 0 in data.shape:
        raise DataError(
            f"{path} holds gathers of shape {data.shape}; the run needs (model, source, receiver, time) = "
            f"(any, {', '.join(map(str, acquisition.gather_shape))}), {acquisition}"
        )


def _check_geometry(path: Path, shots: Shots, acquisition: Acquisition) -> None:
    _check_array(path, shots, acquisition)
    geometry: Geometry = shots.geometry
    if shots.data.shape[-3:] != acquisition.gather_shape:
        raise DataError(
            f"{path} holds gathers of shape {shots.data.shape}; the run needs (model, source, receiver, time) = "
            f"(any, {', '.join(map(str, acquisition.gather_shape))}), {acquisition}"
        )
    for name, theirs, ours, unit in (
        ("source", geometry.source_x, acquisition.source_x, "m"),
        ("receiver", geometry.receiver_x, acquisition.receiver_x, "m"),
        ("time", geometry.time, acquisition.time, "s"),
        ("source_depth", geometry.source_z, acquisition.source_z, "m"),
        ("receiver_depth", geometry.receiver_z, acquisition.receiver_z, "m"),
    ):
        if theirs is not None and not np.allclose(theirs, ours, rtol=1e-4, atol=1e-4 * ours[-1]):
            raise DataError(
                f"{path} has another `{name}` axis than the run: {_first(theirs)} {unit} and not {_first(ours)}; the "
                f"run was trained on {acquisition}"
            )
    if geometry.free_surface is not None and geometry.free_surface != acquisition.free_surface:
        raise DataError(
            f"{path} was recorded {_under(geometry.free_surface)}; the run was trained "
            f"{_under(acquisition.free_surface)}"
        )


def _first(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")


def _under(free_surface: bool) -> str:
    return "under a free surface" if free_surface else "under an absorbing top"


def in_the_network_s_unit(gathers: GatherFile, network: keras.Model, rescale: bool) -> GatherFile:
    """The gathers for a network that reads gathers; with `rescale` brought to the RMS of the training gathers.

    One factor for the whole file, so that differences between its models stay. Raises DataError as `inspect`, for
    a factor that no two units have between them, and, without `rescale`, for gathers of quite another strength.
    """
    ratio = inspect(gathers, complete=True).rms / training_rms(network)
    if rescale:
        if not PLAUSIBLE[0] < 1 / ratio < PLAUSIBLE[1]:
            raise DataError(
                f"{gathers.path} would have to be multiplied by {1 / ratio:.3g}, which is no matter of units: look at "
                "its samples"
            )
        return replace(gathers, factor=1 / ratio)
    if not AMPLITUDES[0] < ratio < AMPLITUDES[1]:
        raise DataError(
            f"{gathers.path} holds gathers {ratio:.3g} times as strong as the run was trained on: if only their "
            "unit differs, give --rescale"
        )
    return gathers


def predict_gathers(predictor: Predictor | Ensemble, gathers: GatherFile) -> tuple[np.ndarray, np.ndarray | None]:
    """Velocity images (model, depth, x) [m/s], and their standard deviations where an ensemble knows them."""
    images, deviations = zip(*(predictor.with_deviation(block, gathers.acquisition) for block in gathers), strict=True)
    known = [each for each in deviations if each is not None]
    return np.concatenate(images), np.concatenate(known) if known else None
