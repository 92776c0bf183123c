"""Shot gathers of any format, with what their file says of geometry and time: `open_shots(path)`.

.sgy .segy      SEG-Y: one survey
.nc .h5 .hdf5   netCDF or HDF5: `gathers` (model, source, receiver, time), or one survey without the first axis
.zarr           the same as a zarr store
.npy            the array alone
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from data_gen.errors import DataError
from data_gen.reading import check_regular, open_npy, reading, sources
from data_gen.survey.checked import has_checksum, verify

SEGY = (".sgy", ".segy")

SAME_PLACE = 0.01
"""Stations nearer than this [m] are one."""

MOST_SAMPLES = 2 * 10**9
"""Of a survey in memory: 8 GB."""


@dataclass(frozen=True)
class Geometry:
    """What a file says of its gathers; None where it says nothing.

    Places and depths of sources (source,) and receivers (receiver,) [m], `live` (source, receiver) traces, the `time`
    of samples [s], whether the top is a `free_surface`; `remarks` are lines on what was made of the file.
    """

    source_x: np.ndarray | None = None
    receiver_x: np.ndarray | None = None
    source_z: np.ndarray | None = None
    receiver_z: np.ndarray | None = None
    live: np.ndarray | None = None
    time: np.ndarray | None = None
    free_surface: bool | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shots:
    """Gathers as they are stored, (model, source, receiver, time) or without the first axis, and their `geometry`.

    `data` is read when it is sliced. `scale` (model,) is what a survey in half precision is to be multiplied by,
    `velocity` (model, depth, x) [m/s] the true models, where the file has them.
    """

    data: Any
    geometry: Geometry
    scale: np.ndarray | None = None
    velocity: Any = None


@contextmanager
def open_shots(path: Path) -> Iterator[Shots]:
    """The gathers of a file, open for as long as this lasts; raises DataError where it cannot be read."""
    store = path.is_dir() and path.suffix.lower() == ".zarr"
    if path.is_dir() and not store:
        raise DataError(f"{path} is a folder, not a file of gathers: a survey's is its survey.h5")
    if not store:
        check_regular(path)
    with ExitStack() as stack:
        if path.suffix.lower() in SEGY:
            yield shots_of_segy(path)
        elif path.suffix.lower() == ".npy":
            yield Shots(open_npy(path), Geometry())
        else:
            from data_gen.formats.netcdf import open_netcdf, open_zarr
            from data_gen.formats.shots_netcdf import shots_of_dataset

            if not store:
                _verify_sources(path)
            data = stack.enter_context(open_zarr(path) if store else open_netcdf(path))
            with reading(path):
                shots = shots_of_dataset(path, data)
            yield shots


def _verify_sources(path: Path) -> None:
    """Raise DataError where the files that an HDF5 file's gathers lie in are missing, or shards that are damaged."""
    if not h5py.is_hdf5(path):
        return
    for source in sorted(set().union(*(sources(path, name) for name in ("gathers", "scale", "velocity")))):
        if has_checksum(source):
            verify(source)  # a survey's own shard


def shots_of_segy(path: Path) -> Shots:
    """The shots of a SEG-Y file; raises DataError where its headers make no line.

    A line that runs in any direction is laid along its own: x is then the distance from its first station.
    """
    from data_gen.formats.segy import read_traces

    table = read_traces(path)
    remarks = []
    if table.passed_over:
        remarks.append(f"{table.passed_over} traces are no seismic data, by their TraceIdentificationCode")
    source_x, receiver_x, remark = _along_the_line(table.source, table.receiver)
    remarks += remark
    shot = table.shot
    if not shot.any():
        shot = np.unique(source_x, return_inverse=True)[1]
        remarks.append("FieldRecord is not set: shots are told apart by SourceX")
    _, first, number = np.unique(shot, return_index=True, return_inverse=True)
    if np.any(np.abs(source_x - source_x[first][number]) > SAME_PLACE):
        raise DataError(f"{path} has a shot (FieldRecord) whose traces name several SourceX")
    depth = np.zeros_like(receiver_x) if table.receiver_depth is None else table.receiver_depth
    stations = np.rint(np.stack([receiver_x, depth], axis=1) / SAME_PLACE)
    _, at, station = np.unique(stations, axis=0, return_index=True, return_inverse=True)
    station = station.ravel()
    shape = (len(first), len(at), table.samples.shape[1])
    if np.prod(shape, dtype=np.int64) > MOST_SAMPLES:
        raise DataError(f"{path} has {shape[0]} shots on {shape[1]} stations: more than fit into memory, cut it first")
    live = np.zeros(shape[:2], bool)
    np.add.at(counts := np.zeros(shape[:2], int), (number, station), 1)
    if counts.max() > 1:
        source, receiver = np.unravel_index(np.argmax(counts), counts.shape)
        raise DataError(
            f"{path}: shot {shot[first][source]} has {counts.max()} traces at x = {receiver_x[at][receiver]:g} m: "
            "keep one component, at GroupX of its own"
        )
    live[number, station] = True
    gathers = np.zeros(shape, np.float32)
    gathers[number, station] = table.samples
    return Shots(
        gathers,
        Geometry(
            source_x[first],
            receiver_x[at],
            None if table.source_depth is None else table.source_depth[first],
            None if table.receiver_depth is None else depth[at],
            live,
            table.first + np.arange(shape[2]) * table.interval,
            remarks=tuple(remarks),
        ),
    )


def _along_the_line(source: np.ndarray, receiver: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Places (trace, 2) of sources and receivers as distances along their line [m], and remarks on it."""
    points = np.concatenate([source, receiver])
    if np.ptp(points[:, 1]) == 0:
        return source[:, 0], receiver[:, 0], []
    if np.ptp(points[:, 0]) == 0:
        return source[:, 1], receiver[:, 1], ["the line runs along Y, which is taken for x"]
    middle = points.mean(axis=0)
    direction = np.linalg.svd(points - middle, full_matrices=False)[2][0]
    direction = direction * (1 if direction[np.argmax(np.abs(direction))] > 0 else -1)
    along, across = (points - middle) @ direction, (points - middle) @ np.array([-direction[1], direction[0]])
    along = along - along.min()
    remark = f"x is the distance along the line, whose stations lie up to {np.abs(across).max():.3g} m beside it"
    return along[: len(source)], along[len(source) :], [remark]
