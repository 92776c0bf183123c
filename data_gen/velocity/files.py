"""Somebody else's velocity models: windows of a survey's grid, cut from `.npy`, `.mat` and `.h5` files.

A file holds one model (depth, x) or several (model, depth, x), in m/s. Models are brought to the survey's
spacing, smoothed first where that is coarser. Laid side by side, they are one long section over which the windows are
spread evenly, so that each model has its share by width; depths are random where a model is deeper than the survey.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from scipy.ndimage import gaussian_filter, map_coordinates

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError, TomoError
from data_gen.reading import check_regular, open_npy
from data_gen.survey.specification import VelocityFile
from data_gen.velocity.public_models import PUBLIC_MODELS

OF_MATLAB = ("__header__", "__version__", "__globals__")
"""What scipy.io.loadmat adds to the arrays of a file."""

MOST_CELLS = 10**8
"""Of one model at the survey's spacing, in memory of every worker: 400 MB."""


def register(path: Path, spacing: float | None) -> VelocityFile:
    """A file's entry in the specification; raises TomoError where it cannot be used.

    `spacing` [m] may be left out for an HDF5 file whose data set has an attribute `spacing`, and for the
    public models of `PUBLIC_MODELS`.
    """
    _, stored = _read(path)
    digest = _sha256(path)
    known = PUBLIC_MODELS[digest].spacing if digest in PUBLIC_MODELS else None
    spacing = spacing or stored or known
    if spacing is None:
        raise SettingError(f"{path} does not say its grid spacing: give --spacing METRES")
    if not np.isfinite(spacing) or spacing <= 0:
        raise SettingError(f"a grid spacing of {spacing:g} m is impossible")
    return VelocityFile(str(path.resolve()), digest, float(spacing))


def register_all(paths: Sequence[Path], spacing: float | None) -> tuple[VelocityFile, ...]:
    """Entries of files, and of the public models in folders, in the order of their names.

    A `spacing` [m] holds for all of them. Raises TomoError as `register`, and for a folder without any.
    """
    entries = []
    for path in paths:
        if not path.is_dir():
            entries.append(register(path, spacing))
            continue
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".npy", ".mat"))
        known = [file for file in files if _sha256(file) in PUBLIC_MODELS]
        if not known:
            raise DataError(f"{path} holds none of the public velocity models this version knows")
        entries += [register(file, spacing) for file in known]
    return tuple(entries)


class VelocityWindows:
    """Windows of an acquisition's grid, cut from files.

    Raises DataError where a file has changed since it was registered, or is smaller than the grid.
    """

    def __init__(self, files: tuple[VelocityFile, ...], acquisition: Acquisition) -> None:
        self._acquisition = acquisition
        self._files = files
        self._models = []
        for file in files:
            path = Path(file.path)
            volume, _ = _read(path)
            if _sha256(path) != file.sha256:
                raise DataError(f"{path} is not the file this survey was begun with: its SHA-256 differs")
            height, width = (int((n - 1) * file.spacing / acquisition.grid.spacing) + 1 for n in volume.shape[1:])
            rows, columns = acquisition.grid.shape
            if height < rows or width < columns:
                raise DataError(
                    f"{path} covers {height} x {width} cells of {acquisition.grid.spacing:g} m, "
                    f"the survey needs {rows} x {columns}"
                )
            if height * width > MOST_CELLS:
                raise SettingError(
                    f"{path} would be {height} x {width} cells of {acquisition.grid.spacing:g} m, more than fit into "
                    f"memory: is its spacing really {file.spacing:g} m?"
                )
            if not np.isfinite(volume).all() or volume.min() <= 0:
                raise DataError(f"{path} holds velocities that are not finite and positive")
            self._models += [(file, volume, number) for number in range(len(volume))]
        widths = [volume.shape[2] * file.spacing for file, volume, _ in self._models]
        self._ends = np.cumsum(widths) / np.sum(widths)
        self._resampled = lru_cache(maxsize=4)(self._resample)

    def cut(self, rng: np.random.Generator, index: int, count: int) -> tuple[np.ndarray, dict[str, Any]]:
        """Window `index` of `count`: velocity float32 (depth, x), and where it was cut."""
        stretch = np.random.default_rng(count).permutation(count)[index]  # neighbours are not cut one after another
        place = (stretch + rng.random()) / count
        number = int(np.searchsorted(self._ends[:-1], place, side="right"))
        start = self._ends[number - 1] if number else 0.0
        share = (place - start) / (self._ends[number] - start)
        velocity = self._resampled(number)
        rows, columns = self._acquisition.grid.shape
        room_z, room_x = velocity.shape[0] - rows, velocity.shape[1] - columns
        left = round(share * room_x)
        top = int(rng.integers(room_z + 1))
        file, _, model = self._models[number]
        where = {
            "file": Path(file.path).name,
            "model_of_file": model,
            "depth": top * self._acquisition.grid.spacing,
            "x": left * self._acquisition.grid.spacing,
        }
        return velocity[top : top + rows, left : left + columns].copy(), where

    def _resample(self, number: int) -> np.ndarray:
        file, volume, model = self._models[number]
        velocity = np.asarray(volume[model], np.float32)
        ratio = self._acquisition.grid.spacing / file.spacing
        if ratio == 1:
            return velocity
        if ratio > 1:
            velocity = gaussian_filter(velocity, (ratio - 1) / 2, mode="nearest")
        shape = [int((n - 1) / ratio) + 1 for n in velocity.shape]
        coordinates = np.meshgrid(*(np.arange(n) * ratio for n in shape), indexing="ij")
        return map_coordinates(velocity, coordinates, order=1, mode="nearest").astype(np.float32)


def _read(path: Path) -> tuple[np.ndarray, float | None]:
    """A file's models (model, depth, x), and the spacing [m] it states, if any."""
    readers = {".npy": _read_npy, ".mat": _read_mat, ".h5": _read_hdf5, ".hdf5": _read_hdf5}
    check_regular(path)
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} is no velocity file: .npy, .mat and .h5 are read")
    try:
        values, spacing = readers[path.suffix.lower()](path)
    except TomoError:
        raise
    except Exception as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if values.dtype.kind not in "fiu" or values.ndim not in (2, 3) or values.size == 0:
        raise DataError(
            f"{path} holds {values.dtype} of shape {values.shape}, not velocities (depth, x) or (model, depth, x)"
        )
    return values.reshape(-1, *values.shape[-2:]), spacing


def _read_npy(path: Path) -> tuple[np.ndarray, float | None]:
    return open_npy(path), None


def _read_mat(path: Path) -> tuple[np.ndarray, float | None]:
    try:
        content = scipy.io.loadmat(path)
    except NotImplementedError:  # MATLAB 7.3 files are HDF5, with the axes in MATLAB's order
        values, spacing = _read_hdf5(path)
        return values.T, spacing
    return _only({name: values for name, values in content.items() if name not in OF_MATLAB}, path), None


def _read_hdf5(path: Path) -> tuple[np.ndarray, float | None]:
    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        data = _only(found, path)
        spacing = data.attrs.get("spacing", file.attrs.get("spacing"))
        return data[()], None if spacing is None else float(np.ravel(spacing)[0])


def _only(arrays: dict[str, Any], path: Path) -> Any:
    """The array of velocities: the one called so, or else the only one of two or three dimensions."""
    images = {name: array for name, array in arrays.items() if getattr(array, "ndim", 0) in (2, 3) and array.size > 1}
    for name, array in images.items():
        if name.rsplit("/")[-1].lower() in ("velocity", "vp"):
            return array
    if len(images) != 1:
        raise DataError(f"{path} holds {len(images)} arrays that may be velocities ({', '.join(images)}), not one")
    return next(iter(images.values()))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
