"""Surveys and predictions in other programs' formats: SEG-Y, netCDF, zarr."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import h5netcdf
import numpy as np
from segyio import TraceField

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.files import whole_file, whole_folder, write_bytes
from data_gen.formats.datasets import prediction_dataset, survey_dataset
from data_gen.formats.growing import growing_file
from data_gen.formats.netcdf import require_zarr
from data_gen.formats.opening import SEGY
from data_gen.formats.segy import millimetres, write_traces
from data_gen.survey.reader import Survey
from data_gen.survey.specification import MODELS_PER_SHARD

Progress = Callable[[int], None]

NETCDF = (".nc", ".h5", ".hdf5")


def export_netcdf(survey: Survey, indices: np.ndarray, path: Path, progress: Progress = lambda models: None) -> None:
    """Write models of a survey as one netCDF 4 file, a shard's worth at a time; raises MachineError as `whole_file`."""
    blocks = _blocks(indices)
    with whole_file(path) as temporary:
        first = survey_dataset(survey, blocks[0])
        temporary.write_bytes(first.to_netcdf(None, engine="h5netcdf", unlimited_dims=["model"]))
        progress(len(blocks[0]))
        with growing_file(temporary) as growing, h5netcdf.File(growing, "r+") as file:
            done = len(blocks[0])
            for block in blocks[1:]:
                file.resize_dimension("model", done + len(block))
                for name, variable in survey_dataset(survey, block).variables.items():
                    if variable.dims[:1] == ("model",):
                        file.variables[str(name)][done : done + len(block)] = variable.values
                growing.check()
                done += len(block)
                progress(len(block))


def export_zarr(survey: Survey, indices: np.ndarray, path: Path, progress: Progress = lambda models: None) -> None:
    """Write models of a survey as a zarr store; raises MachineError without zarr, else as `whole_folder`."""
    require_zarr()
    with whole_folder(path) as temporary:
        for number, block in enumerate(_blocks(indices)):
            data = survey_dataset(survey, block)
            if number:
                data = data.drop_vars([name for name, each in data.variables.items() if "model" not in each.dims])
                data.to_zarr(temporary, append_dim="model", consolidated=True, zarr_format=2)
            else:
                data.to_zarr(temporary, mode="w", consolidated=True, zarr_format=2)
            progress(len(block))


def export_segy(survey: Survey, indices: np.ndarray, folder: Path, progress: Progress = lambda models: None) -> None:
    """Write of each model `NNNNN.sgy`, its shots, and `NNNNN-velocity.sgy` into a folder.

    Raises as `write_traces` and `whole_folder`.
    """
    with whole_folder(folder) as files:
        for index in indices:
            write_shots(files / f"{index:05d}.sgy", survey.gathers([index])[0], survey.acquisition, f"model {index}")
            write_sections(
                files / f"{index:05d}-velocity.sgy", survey.velocity([index]), survey.acquisition, "velocity"
            )
            progress(1)


def write_shots(path: Path, gathers: np.ndarray, acquisition: Acquisition, title: str = "") -> None:
    """Write gathers (source, receiver, time) of an acquisition as SEG-Y; traces that are not live are left out.

    FieldRecord counts the shots from 1, TraceNumber the receivers. Raises as `write_traces`.
    """
    source, receiver = np.nonzero(acquisition.live)
    source_x, receiver_x = acquisition.source_x[source], acquisition.receiver_x[receiver]
    source_z, receiver_z = acquisition.source_z[source], acquisition.receiver_z[receiver]
    headers = {
        TraceField.FieldRecord: source + 1,
        TraceField.EnergySourcePoint: source + 1,
        TraceField.TraceNumber: receiver + 1,
        TraceField.offset: np.rint(receiver_x - source_x).astype(int),
        TraceField.SourceX: millimetres(source_x),
        TraceField.GroupX: millimetres(receiver_x),
        TraceField.SourceDepth: millimetres(source_z),
        TraceField.ReceiverGroupElevation: millimetres(-receiver_z),
    }
    text = [
        f"SHOT GATHERS {title}".upper()[:76],
        f"{acquisition.sources} SHOTS (FIELDRECORD), {acquisition.receivers} RECEIVERS (TRACENUMBER)",
        f"{acquisition.samples} SAMPLES OF {1e3 * acquisition.sample_interval:G} MS FROM THE BEGIN OF THE SOURCE",
        f"RICKER WAVELET OF {acquisition.peak_frequency:G} HZ, ITS PEAK AT {1e3 * acquisition.delay:G} MS",
        "SOURCEX, GROUPX, DEPTHS AND ELEVATIONS IN MM (SCALARS -1000), X FROM THE LEFT END",
        "OF THE VELOCITY GRID; IEEE FLOATS; PRESSURE PER UNIT OF THE WAVELET",
    ]
    write_traces(path, gathers[source, receiver], 1e6 * acquisition.sample_interval, headers, text)


def write_sections(path: Path, velocity: np.ndarray, acquisition: Acquisition, title: str = "") -> None:
    """Write velocity models (model, depth, x) [m/s] as SEG-Y in depth: FieldRecord counts models, CDP columns.

    Raises as `write_traces`.
    """
    count, _, columns = velocity.shape
    grid = acquisition.grid
    column = np.tile(np.arange(columns), count)
    headers = {
        TraceField.FieldRecord: np.repeat(np.arange(count), columns) + 1,
        TraceField.CDP: column + 1,
        TraceField.TraceNumber: column + 1,
        TraceField.CDP_X: millimetres(grid.x[column]),
        TraceField.SourceX: millimetres(grid.x[column]),
        TraceField.GroupX: millimetres(grid.x[column]),
    }
    text = [
        f"P VELOCITY IN M/S {title}".upper()[:76],
        f"{count} MODELS (FIELDRECORD) OF {grid.depth_cells} X {columns} POINTS, {grid.spacing:G} M APART",
        "TRACES ARE COLUMNS (CDP, CDP_X IN MM); SAMPLES ARE DEPTHS FROM 0 ON,",
        "THEIR INTERVAL IN THE HEADERS IS IN MM INSTEAD OF MICROSECONDS",
    ]
    write_traces(path, np.swapaxes(velocity, 1, 2).reshape(-1, grid.depth_cells), 1e3 * grid.spacing, headers, text)


def write_prediction(
    path: Path,
    velocity: np.ndarray,
    acquisition: Acquisition,
    more: Mapping[str, np.ndarray],
    title: str = "",
) -> None:
    """Write predicted velocity (model, depth, x) [m/s], as netCDF 4 (which is HDF5) with `more` numbers (model,) or
    images [m/s] of its shape, or, where the name ends so, as SEG-Y without them. The file is there whole or not at all.

    Raises SettingError for another ending, MachineError where it cannot be written.
    """
    if path.suffix.lower() in SEGY:
        write_sections(path, velocity, acquisition, title)
        return
    check_format(path)
    data = prediction_dataset(velocity, acquisition, more, title)
    write_bytes(path, bytes(data.to_netcdf(None, engine="h5netcdf")))


def check_format(path: Path) -> None:
    """Raise SettingError for a name that no prediction can be written by."""
    if path.suffix.lower() not in (*NETCDF, *SEGY):
        raise SettingError(f"{path} is no name of an HDF5, netCDF or SEG-Y file: choose {', '.join((*NETCDF, *SEGY))}")


def _blocks(indices: np.ndarray) -> list[np.ndarray]:
    return [indices[start : start + MODELS_PER_SHARD] for start in range(0, len(indices), MODELS_PER_SHARD)]
