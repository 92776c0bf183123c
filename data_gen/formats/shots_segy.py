"""Shot gathers of a SEG-Y file, sorted by shot and station from the headers of its traces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_gen.errors import DataError
from data_gen.formats.segy import read_traces
from data_gen.formats.shots import Geometry, Shots

SAME_PLACE = 0.01
"""Stations nearer than this [m] are one."""

MOST_SAMPLES = 2 * 10**9
"""Of a survey in memory: 8 GB."""


def shots_of_segy(path: Path) -> Shots:
    """The shots of a SEG-Y file; raises DataError where its headers make no line.

    A line that runs in any direction is laid along its own: x is then the distance from its first station.
    """
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
