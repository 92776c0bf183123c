"""`survey.h5`: all the shards of a survey as one file, an HDF5 virtual dataset with netCDF's dimension
scales.

`h5py.File` and `xarray.open_dataset(path, engine="h5netcdf")` read it. It holds no gathers itself and finds
the shards beside it, wherever the folder is moved.
"""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np

from data_gen.files import write_bytes
from data_gen.reading import hdf5
from data_gen.survey.specification import SurveySpecification, shard_path

DIMENSIONS = {
    "gathers": ("model", "source", "receiver", "time"),
    "scale": ("model",),
    "quantization_error": ("model",),
    "velocity": ("model", "depth", "x"),
    "salt_mask": ("model", "depth", "x"),
    "parameters": ("model",),
}
ATTRIBUTES = {
    "gathers": {"long_name": "pressure, per unit of the wavelet and area of a cell", "units": "1"},
    "scale": {"long_name": "what gathers are to be multiplied by", "units": "1"},
    "quantization_error": {"long_name": "relative L2 error of the gathers by their type", "units": "1"},
    "velocity": {"long_name": "P velocity", "units": "m/s"},
    "salt_mask": {"long_name": "1 in salt", "units": "1"},
    "parameters": {"long_name": "what the model was made from, as JSON"},
}


def write_virtual(folder: Path, specification: SurveySpecification) -> None:
    """Write `survey.h5` over a survey's shards; raises MachineError where it cannot be written."""
    made = io.BytesIO()  # HDF5 itself crashes where a disk is full
    with h5py.File(made, "w", libver="v110") as file:
        file.attrs["free_surface"] = int(specification.acquisition.free_surface)
        file.attrs["peak_frequency"] = specification.acquisition.peak_frequency
        file.attrs["needs"] = "the folder `shards` beside this file: it holds no gathers itself"
        _write_coordinates(file, specification)
        for name in _names(folder):
            _write_variable(file, name, folder, specification)
    write_bytes(folder / "survey.h5", made.getvalue())


def _names(folder: Path) -> list[str]:
    with hdf5(shard_path(folder, 0)) as shard:
        return [name for name in DIMENSIONS if name in shard]


def _write_coordinates(file: h5py.File, specification: SurveySpecification) -> None:
    acquisition = specification.acquisition
    split = np.where(np.arange(specification.models) < specification.train_models, "train", "test")
    coordinates = {
        "model": (np.arange(specification.models), "index of the model", "1"),
        "source": (acquisition.source_x, "x of the source", "m"),
        "receiver": (acquisition.receiver_x, "x of the receiver", "m"),
        "time": (acquisition.time, "time", "s"),
        "depth": (acquisition.grid.depth, "depth", "m"),
        "x": (acquisition.grid.x, "x", "m"),
    }
    for name, (values, long_name, units) in coordinates.items():
        file[name] = values
        file[name].make_scale(name)
        file[name].attrs.update({"long_name": long_name, "units": units})
    stations = {
        "source_depth": (acquisition.source_z, ("source",), "depth of the source", "m"),
        "receiver_depth": (acquisition.receiver_z, ("receiver",), "depth of the receiver", "m"),
        "live": (acquisition.live.astype(np.int8), ("source", "receiver"), "1 where the receiver records", "1"),
    }
    for name, (values, dimensions, long_name, units) in stations.items():
        file[name] = values
        file[name].attrs.update({"long_name": long_name, "units": units})
        for axis, dimension in enumerate(dimensions):
            file[name].dims[axis].attach_scale(file[dimension])
    file["split"] = split.astype("S5")
    file["split"].dims[0].attach_scale(file["model"])
    file["split"].attrs["long_name"] = "whether the model is for training or for testing"


def _write_variable(file: h5py.File, name: str, folder: Path, specification: SurveySpecification) -> None:
    with hdf5(shard_path(folder, 0)) as shard:
        shape, dtype = shard[name].shape[1:], shard[name].dtype
    layout = h5py.VirtualLayout((specification.models, *shape), dtype)
    for shard_index in range(specification.shards):
        models = specification.shard_models(shard_index)
        relative = shard_path(folder, shard_index).relative_to(folder)
        layout[models.start : models.stop] = h5py.VirtualSource(str(relative), name, (len(models), *shape))
    missing = np.nan if dtype.kind == "f" else None  # what is read where a shard is not found: no number
    variable = file.create_virtual_dataset(name, layout, fillvalue=missing)
    for axis, dimension in enumerate(DIMENSIONS[name]):
        variable.dims[axis].attach_scale(file[dimension])
    variable.attrs.update(ATTRIBUTES[name])
