"""Shot gathers of netCDF, HDF5 and zarr: which axis is which, where stations are, and when samples were taken."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import numpy as np
import xarray

from data_gen.errors import DataError
from data_gen.formats.netcdf import NAMELESS, in_si, named, places
from data_gen.formats.shots import Geometry, Shots

AXES = {
    "source": ("source", "sources", "shot", "shots", "src", "source_x", "sx", "ffid", "fldr", "fieldrecord"),
    "receiver": (
        "receiver", "receivers", "rec", "rcv", "channel", "channels", "chan", "trace", "group", "station", "receiver_x",
        "gx", "groupx", "offset",
    ),
    "time": ("time", "times", "t", "sample", "samples", "twt", "ns"),
}  # fmt: skip
"""Axis -> what it, or the variable of its places, is called, in small letters; any other one counts the models."""

PLACES = {
    "source": ("source", "source_x", "sourcex", "sx", "src_x", "x_source", "shot_x"),
    "receiver": ("receiver", "receiver_x", "receiverx", "gx", "group_x", "groupx", "rec_x", "rx", "x_receiver"),
    "time": ("time", "t", "times", "twt"),
}
DEPTHS = {
    "source": ("source_depth", "source_z", "sz", "sdepth", "src_z"),
    "receiver": ("receiver_depth", "receiver_z", "gz", "rec_z", "rz"),
}


def shots_of_dataset(path: Path, data: xarray.Dataset) -> Shots:
    """The gathers of a data set, with their axes in order; raises DataError where it holds none."""
    if "gathers" not in data.variables:
        raise DataError(f"{path} holds no dataset `gathers`, only: {', '.join(map(str, data.variables)) or 'nothing'}")
    gathers = data["gathers"]
    if gathers.dtype.kind not in "fiu":
        raise DataError(f"{path} holds gathers of type {gathers.dtype}, not real numbers")
    if gathers.ndim not in (3, 4):
        raise DataError(f"{path} holds gathers of shape {gathers.shape}, not (model, source, receiver, time)")
    axes = _axes(gathers)
    gathers = gathers.transpose(*axes)
    source, receiver, time = axes[-3:]
    for kind, size in zip(AXES, gathers.shape[-3:], strict=True):
        if kind in data.variables and data[kind].ndim == 1 and data[kind].size != size:
            raise DataError(f"{path} holds {data[kind].size} values of `{kind}` for {size} points of that axis")
    live = named(data, ("live",))
    top = data.attrs.get("free_surface", gathers.attrs.get("free_surface"))
    geometry = Geometry(
        places(data, str(source), *PLACES["source"]),
        places(data, str(receiver), *PLACES["receiver"]),
        _depths(data, "source", source),
        _depths(data, "receiver", receiver),
        None if live is None or data[live].shape != gathers.shape[-3:-1] else data[live].values.astype(bool),
        places(data, str(time), *PLACES["time"]),
        None if top is None else bool(top),
        _remarks(data, gathers, axes),
    )
    scale = data["scale"].values.astype(np.float64) if "scale" in data.variables and data["scale"].ndim == 1 else None
    velocity = data["velocity"] if "velocity" in data.variables and data["velocity"].ndim == 3 else None
    return Shots(gathers.variable, geometry, scale, velocity)


def _axes(gathers: xarray.DataArray) -> tuple[Hashable, ...]:
    """The dimensions in the order (model, source, receiver, time): by their names, if all tell, else as they are."""
    found: dict[str, Hashable] = {}
    for kind, names in AXES.items():
        called = [dimension for dimension in gathers.dims if str(dimension).lower() in names]
        if len(called) != 1:
            return tuple(gathers.dims)
        found[kind] = called[0]
    rest = [dimension for dimension in gathers.dims if dimension not in found.values()]
    return (*rest, *found.values()) if len(set(found.values())) == 3 else tuple(gathers.dims)


def _depths(data: xarray.Dataset, kind: str, dimension: Hashable) -> np.ndarray | None:
    name = named(data, DEPTHS[kind])
    if name is None:
        return None
    values = data.variables[name]
    if values.ndim == 0:
        return np.full(data.sizes[dimension], float(values.values))
    nameless = str(dimension).startswith(NAMELESS) and values.ndim == 1
    fits = values.dims == (dimension,) or (nameless and values.size == data.sizes[dimension])
    return in_si(values) if fits else None


def _remarks(data: xarray.Dataset, gathers: xarray.DataArray, axes: tuple[Hashable, ...]) -> tuple[str, ...]:
    said = gathers.encoding
    decoded = [key for key in ("scale_factor", "add_offset") if key in said]
    decoded += [key for key in ("_FillValue", "missing_value") if key in said and np.all(np.isfinite(said[key]))]
    remarks = [f"`gathers` is decoded by its {', '.join(decoded)}"] if decoded else []
    if tuple(data["gathers"].dims) != axes:
        remarks.append(f"its axes ({', '.join(map(str, data['gathers'].dims))}) are brought into our order")
    return tuple(remarks)
