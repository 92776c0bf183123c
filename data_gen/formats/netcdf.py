"""netCDF (3 and 4) and HDF5 by xarray: variables decoded, places and times in m and s whatever they are called."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray

from data_gen.errors import DataError, MachineError, extra
from data_gen.reading import cause, check_regular

NETCDF_3 = b"CDF"
"""What files of netCDF 3 begin with; those of netCDF 4 are HDF5."""

IN_SI = {
    "m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "km": 1e3, "kilometre": 1e3, "kilometer": 1e3,
    "cm": 1e-2, "ft": 0.3048, "feet": 0.3048, "foot": 0.3048,
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
}  # fmt: skip
"""Unit of a length or time -> in m or s."""


@contextmanager
def open_netcdf(path: Path) -> Iterator[xarray.Dataset]:
    """A file's variables, read when they are used; missing values (`_FillValue`, `missing_value`) are NaN, and
    `scale_factor` and `add_offset` are applied. Raises DataError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            engine = "scipy" if file.read(len(NETCDF_3)) == NETCDF_3 else "h5netcdf"
        options: dict[str, Any] = {"phony_dims": "access"} if engine == "h5netcdf" else {}
        data = xarray.open_dataset(path, engine=engine, decode_times=False, **options)
    except Exception as error:  # xarray and the libraries below it raise whatever they meet
        raise DataError(f"{path} cannot be read as HDF5 or netCDF: {cause(error)}") from None
    with data:
        yield data


@contextmanager
def open_zarr(path: Path) -> Iterator[xarray.Dataset]:
    """A zarr store's variables as those of a file; raises DataError where it cannot be read, MachineError without
    zarr."""
    require_zarr()
    for part in path.rglob("*"):
        if not part.is_dir():
            check_regular(part)  # a pipe would be waited for without end
    try:
        data = xarray.open_dataset(path, engine="zarr", decode_times=False, chunks=None)
    except Exception as error:  # as above
        raise DataError(f"{path} cannot be read as zarr: {cause(error)}") from None
    with data:
        yield data


def require_zarr() -> None:
    """Raise MachineError where zarr is not installed."""
    if importlib.util.find_spec("zarr") is None:
        raise MachineError(f"zarr is not installed: {extra('zarr')}")


NAMELESS = "phony_dim_"
"""How the dimensions of HDF5 files are called that have no names."""


def places(data: xarray.Dataset, dimension: str, *names: str) -> np.ndarray | None:
    """Where the points of a dimension are [m or s]: the variable of its name, or of one of `names`, or the only other
    one that a unit of length or time tells; None where there is none. Where dimensions have no names, one of `names`
    of the dimension's length."""
    numbers = {str(name): each for name, each in data.variables.items() if each.ndim == 1 and each.dtype.kind in "fiu"}
    along = {name: each for name, each in numbers.items() if each.dims == (dimension,)}
    if dimension.startswith(NAMELESS):
        size = data.sizes[dimension]
        along = {name: numbers[name] for name in names if name in numbers and numbers[name].size == size}
    for name in (dimension, *names):
        if name in along:
            return in_si(along[name])
    measured = [name for name, each in along.items() if _unit(each) in IN_SI and "depth" not in name.lower()]
    return in_si(along[measured[0]]) if len(measured) == 1 else None


def _unit(variable: xarray.Variable) -> str:
    return str(variable.attrs.get("units", "")).strip().lower()


def in_si(variable: xarray.Variable) -> np.ndarray:
    """A variable of lengths or times in m or s, by its unit; as it is without one."""
    return np.asarray(variable.values, np.float64) * IN_SI.get(_unit(variable), 1.0)


def named(data: xarray.Dataset, names: Sequence[str]) -> str | None:
    """The first variable of one of these names, in any case."""
    lower = {str(name).lower(): str(name) for name in data.variables}
    return next((lower[name] for name in names if name in lower), None)
