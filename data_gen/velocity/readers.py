"""Files of velocity models as arrays, with whatever each format says of axes, spacing and unit.

.npy            NumPy; OpenFWI's model*.npy (Deng et al. 2022) have an axis of one channel
.mat            MATLAB 5 to 7.2 (SciPy), and 7.3, which is HDF5 with the axes in MATLAB's order
.nc .h5 .hdf5   netCDF 3 and 4, HDF5 (xarray)
.sgy .segy      SEG-Y: a trace for each column, samples along depth
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io

from data_gen.errors import DataError, TomoError
from data_gen.reading import cause, check_regular, open_npy

OF_MATLAB = ("__header__", "__version__", "__globals__")
"""What scipy.io.loadmat adds to the arrays of a file."""

NAMES = ("velocity", "vp")
"""What the array of velocities is called, where a file has several."""

OPENFWI_SPACING = 10.0
"""Of the grid of OpenFWI's models of 70 x 70 points [m]."""


@dataclass(frozen=True)
class Stored:
    """Velocities as they are stored, of two dimensions or three, and what their file says of them, if anything.

    `axes` are the names of the array's dimensions, `coordinates` by such a name the places along it [m], `spacing`
    along depth and x [m], and `units` of the velocities.
    """

    values: np.ndarray
    axes: tuple[str, ...] | None = None
    coordinates: Mapping[str, np.ndarray] | None = None
    spacing: tuple[float, float] | None = None
    units: str = ""


def read_stored(path: Path) -> Stored:
    """The velocities of a file; raises DataError where it is none, or cannot be read."""
    check_regular(path)
    if path.suffix.lower() not in READERS:
        raise DataError(f"{path} is no velocity file: {', '.join(READERS)} are read")
    try:
        stored = READERS[path.suffix.lower()](path)
    except TomoError:
        raise
    except Exception as error:  # whatever a format's library meets in a damaged file
        raise DataError(f"{path} cannot be read: {cause(error)}") from None
    values = stored.values
    if values.dtype.kind not in "fiu" or values.ndim not in (2, 3) or values.size == 0:
        raise DataError(
            f"{path} holds {values.dtype} of shape {values.shape}, not velocities (depth, x) or (model, depth, x)"
        )
    return stored


def _read_npy(path: Path) -> Stored:
    values = open_npy(path)
    if values.ndim == 4 and values.shape[1] == 1:
        known = values.shape[2:] == (70, 70)
        return Stored(values[:, 0], spacing=(OPENFWI_SPACING,) * 2 if known else None)
    return Stored(values)


def _read_mat(path: Path) -> Stored:
    try:
        content = scipy.io.loadmat(path)
    except NotImplementedError:  # of version 7.3
        stored = _read_plain_hdf5(path)
        return replace(stored, values=stored.values.T)
    return Stored(_only({name: values for name, values in content.items() if name not in OF_MATLAB}, path))


def _read_plain_hdf5(path: Path) -> Stored:
    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        data = _only(found, path)
        spacing = data.attrs.get("spacing", file.attrs.get("spacing"))
        units = data.attrs.get("units", "")
        units = units.decode() if isinstance(units, bytes) else str(units)
        return Stored(data[()], spacing=_pair(spacing), units=units)


def _read_hdf5(path: Path) -> Stored:
    """HDF5 with named dimensions by xarray; without, as it is."""
    from data_gen.formats.netcdf import open_netcdf, places

    with h5py.File(path, "r") as file:
        named = any(isinstance(item, h5py.Dataset) and item.is_scale for item in file.values())
    if not named:
        return _read_plain_hdf5(path)
    with open_netcdf(path) as data:
        return _of_dataset(data, path, places)


def _read_netcdf(path: Path) -> Stored:
    from data_gen.formats.netcdf import open_netcdf, places

    with open_netcdf(path) as data:
        return _of_dataset(data, path, places)


def _of_dataset(data: Any, path: Path, places: Callable[..., np.ndarray | None]) -> Stored:
    variable = data[_name_of_velocities({name: data[name] for name in data.data_vars}, path)]
    axes = tuple(map(str, variable.dims))
    found = {axis: places(data, axis, axis) for axis in axes}
    coordinates = {axis: values for axis, values in found.items() if values is not None}
    spacing = variable.attrs.get("spacing", data.attrs.get("spacing"))
    return Stored(variable.values, axes, coordinates, _pair(spacing), str(variable.attrs.get("units", "")))


def _read_segy(path: Path) -> Stored:
    from data_gen.formats.segy import read_section

    section = read_section(path)
    return Stored(section.values.T, ("depth", "x"), {"depth": section.depth, "x": section.x})


READERS: Mapping[str, Callable[[Path], Stored]] = {
    ".npy": _read_npy,
    ".mat": _read_mat,
    ".nc": _read_netcdf,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".sgy": _read_segy,
    ".segy": _read_segy,
}
"""Ending of a file's name -> what reads it."""


def _pair(spacing: Any) -> tuple[float, float] | None:
    """A spacing that is one number, or one along depth and one along x."""
    if spacing is None:
        return None
    numbers = [float(number) for number in np.ravel(spacing)]
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _only(arrays: dict[str, Any], path: Path) -> Any:
    return arrays[_name_of_velocities(arrays, path)]


def _name_of_velocities(arrays: Mapping[Any, Any], path: Path) -> Any:
    """Of arrays the one of velocities: the one called so, or else the only one of two or three dimensions."""
    images = {name: array for name, array in arrays.items() if getattr(array, "ndim", 0) in (2, 3) and array.size > 1}
    for name in images:
        if str(name).rsplit("/")[-1].lower() in NAMES:
            return name
    if len(images) != 1:
        listed = ", ".join(map(str, images))
        raise DataError(f"{path} holds {len(images)} arrays that may be velocities ({listed}), not one")
    return next(iter(images))
