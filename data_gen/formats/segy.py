"""SEG-Y: shot gathers and depth sections, by segyio, with the headers that other programs look at.

Of gathers a shot is what has one FieldRecord; positions are SourceX and GroupX with SourceGroupScalar, depths
SourceDepth and ReceiverGroupElevation with ElevationScalar; traces of other kinds than seismic data, such as dead ones
(TraceIdentificationCode 2), count for nothing. Of sections a trace is a column, at CDP_X; the interval of samples is
1,000 times that of depth [m], as is usual.

SEG Technical Standards Committee, SEG-Y revision 1 (2002).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import segyio
from segyio import BinField, TraceField

from data_gen.errors import DataError, SettingError
from data_gen.files import whole_file
from data_gen.reading import cause, check_regular, reading

LIVE = (0, 1)
"""TraceIdentificationCode of traces that count: unknown, or time seismic data."""

LENGTH = (0, 1)
"""CoordinateUnits that are lengths; others are angles."""

FEET = 2
"""MeasurementSystem."""

FOOT = 0.3048

SCALAR = -1000
"""Of the coordinates that are written: in millimetres."""

LONGEST_INTERVAL = 32767
"""In microseconds: what two bytes hold."""


@dataclass(frozen=True)
class TraceTable:
    """Traces of a file in its order: `samples` (trace, sample), and by trace its shot's number, where source and
    receiver stand (x, y) and how deep [m], if the headers say; `interval` and `first` time of the samples [s]."""

    samples: np.ndarray
    shot: np.ndarray
    source: np.ndarray
    receiver: np.ndarray
    source_depth: np.ndarray | None
    receiver_depth: np.ndarray | None
    interval: float
    first: float
    passed_over: int


@dataclass(frozen=True)
class Section:
    """`values` (x, depth) at the places `x` and `depth` [m]."""

    values: np.ndarray
    x: np.ndarray
    depth: np.ndarray


@contextmanager
def _opened(path: Path) -> Iterator[segyio.SegyFile]:
    """A file whichever its byte order; raises DataError where it is no SEG-Y, or truncated."""
    check_regular(path)
    failure: Exception | None = None
    for endian in ("big", "little"):
        try:
            file = segyio.open(str(path), ignore_geometry=True, strict=False, endian=endian)
        except Exception as error:  # of segyio and the system, of several kinds
            failure = failure or error
            continue
        with file:
            if file.tracecount and len(file.samples):
                yield file
                return
    raise DataError(f"{path} cannot be read as SEG-Y: {cause(failure) if failure else 'no traces'}")


def _scaled(file: segyio.SegyFile, field: int, scalar: int) -> np.ndarray:
    values = np.asarray(file.attributes(field)[:], np.float64)
    scalars = np.asarray(file.attributes(scalar)[:], np.float64)
    scalars[scalars == 0] = 1
    return np.where(scalars > 0, values * scalars, values / np.abs(scalars))


def _metres(path: Path, file: segyio.SegyFile) -> float:
    units = np.unique(file.attributes(TraceField.CoordinateUnits)[:])
    if not set(units.tolist()) <= set(LENGTH):
        raise DataError(f"{path} has coordinates in angles (CoordinateUnits {units[-1]}), not in lengths")
    return FOOT if file.bin[BinField.MeasurementSystem] == FEET else 1.0


def read_traces(path: Path) -> TraceTable:
    """The seismic traces of a file; raises DataError where it cannot be read, or tells no interval."""
    with reading(path), _opened(path) as file:
        kind = np.asarray(file.attributes(TraceField.TraceIdentificationCode)[:])
        chosen = np.isin(kind, LIVE)
        if not chosen.any():
            raise DataError(f"{path} holds no seismic traces, by their TraceIdentificationCode")
        metre = _metres(path, file)

        def each(field: int, scalar: int) -> np.ndarray:
            return metre * _scaled(file, field, scalar)[chosen]

        source, receiver = (
            np.stack([each(x, TraceField.SourceGroupScalar), each(y, TraceField.SourceGroupScalar)], axis=1)
            for x, y in ((TraceField.SourceX, TraceField.SourceY), (TraceField.GroupX, TraceField.GroupY))
        )
        source_depth = each(TraceField.SourceDepth, TraceField.ElevationScalar)
        receiver_depth = -each(TraceField.ReceiverGroupElevation, TraceField.ElevationScalar)
        interval = int(file.attributes(TraceField.TRACE_SAMPLE_INTERVAL)[0][0]) or int(file.bin[BinField.Interval])
        if interval <= 0:
            raise DataError(f"{path} tells no interval of its samples, neither in its traces nor in its binary header")
        delay = np.asarray(file.attributes(TraceField.DelayRecordingTime)[:])[chosen]
        if len(np.unique(delay)) > 1:
            raise DataError(f"{path} has traces that begin at different times (DelayRecordingTime)")
        shot = np.asarray(file.attributes(TraceField.FieldRecord)[:])[chosen]
        samples = np.asarray(file.trace.raw[:], np.float32)[chosen]
    return TraceTable(
        samples, shot, source, receiver,
        source_depth if source_depth.any() else None,
        receiver_depth if receiver_depth.any() and receiver_depth.min() >= 0 else None,  # elevations on land are none
        interval * 1e-6, float(delay[0]) * 1e-3, int(np.count_nonzero(~chosen)),
    )  # fmt: skip


def read_section(path: Path) -> Section:
    """A section in depth; raises DataError where it cannot be read, or says nothing of its places."""
    with reading(path), _opened(path) as file:
        metre = _metres(path, file)
        x = metre * _scaled(file, TraceField.CDP_X, TraceField.SourceGroupScalar)
        if not np.ptp(x):
            x = metre * _scaled(file, TraceField.SourceX, TraceField.SourceGroupScalar)
        interval = int(file.attributes(TraceField.TRACE_SAMPLE_INTERVAL)[0][0]) or int(file.bin[BinField.Interval])
        if not np.ptp(x) or interval <= 0:
            raise DataError(f"{path} does not say where its traces are (CDP_X), or how far apart its samples")
        values = np.asarray(file.trace.raw[:], np.float32)
    return Section(values, x, metre * np.arange(values.shape[1]) * interval / 1e3)


def write_traces(
    path: Path, samples: np.ndarray, interval: float, headers: Mapping[int, np.ndarray], text: Sequence[str]
) -> None:
    """Write traces (trace, sample) as IEEE floats, whole or not at all.

    `interval` goes into the headers as it is [µs]; `headers` are TraceField -> value of each trace; `text` are lines of
    the textual header. Raises SettingError for an interval that two bytes cannot hold and for a path that is no
    UTF-8, MachineError as `whole_file`.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise SettingError(f"{path}: SEG-Y cannot be written where a name is no UTF-8")
    if not 0 < round(interval) <= LONGEST_INTERVAL:
        raise SettingError(f"{path}: SEG-Y has no room for an interval of {interval:g} (from 1 to {LONGEST_INTERVAL})")
    spec = segyio.spec()
    spec.format, spec.tracecount = 5, len(samples)
    spec.samples = np.arange(samples.shape[1]) * interval / 1e3
    number = np.arange(1, len(samples) + 1)
    fields: dict[int, Any] = {
        TraceField.TRACE_SEQUENCE_LINE: number,
        TraceField.TRACE_SEQUENCE_FILE: number,
        TraceField.TraceIdentificationCode: np.ones_like(number),
        TraceField.SourceGroupScalar: np.full_like(number, SCALAR),
        TraceField.ElevationScalar: np.full_like(number, SCALAR),
        TraceField.CoordinateUnits: np.ones_like(number),
        TraceField.TRACE_SAMPLE_COUNT: np.full_like(number, samples.shape[1]),
        TraceField.TRACE_SAMPLE_INTERVAL: np.full_like(number, round(interval)),
        **headers,
    }
    with whole_file(path) as temporary, segyio.create(str(temporary), spec) as file:
        file.text[0] = segyio.tools.create_text_header(dict(enumerate(text, 1)))
        file.bin.update(
            {BinField.Interval: round(interval), BinField.Samples: samples.shape[1], BinField.Format: 5,
             BinField.MeasurementSystem: 1, BinField.SEGYRevision: 1, BinField.TraceFlag: 1}
        )  # fmt: skip
        for row, trace in enumerate(samples):
            file.header[row] = {field: int(values[row]) for field, values in fields.items()}
            file.trace[row] = np.ascontiguousarray(trace, np.float32)


def millimetres(metres: np.ndarray) -> np.ndarray:
    """Lengths as they are written with `SCALAR`."""
    return np.rint(np.asarray(metres) * -SCALAR).astype(np.int64)
