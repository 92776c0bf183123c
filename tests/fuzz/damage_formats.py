"""How files of other programs are damaged: headers of SEG-Y, texts of TOML, HDF5 of any name, stores of zarr."""

from __future__ import annotations

import contextlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import damage
import h5py
import segyio

HEADERS = (
    "SourceX", "SourceY", "GroupX", "GroupY", "SourceGroupScalar", "ElevationScalar", "SourceDepth", "CDP_X",
    "ReceiverGroupElevation", "TraceIdentificationCode", "FieldRecord", "TRACE_SAMPLE_INTERVAL", "TRACE_SAMPLE_COUNT",
    "DelayRecordingTime", "CoordinateUnits",
)  # fmt: skip
BINARY = ("Interval", "Samples", "Format", "MeasurementSystem", "SEGYRevision", "ExtendedHeaders", "Traces")
NUMBERS = (0, 1, -1, 2, 3, 5, 8, 255, -32768, 32767, 1000, -1000, 16, 2**31 - 1, -(2**31))

TOKENS = (
    "nan", "inf", "-inf", "-1", "0", "1", "1e300", "1e-300", "9" * 30, "9" * 5000, "1_000_000_000", "0x10", "true",
    '""', '"15"', '"\u0663"', "[]", "[[]]", "[1, 'a']", "[nan]", "{}", "{a = 1}", "1979-05-27", "15.", "é", "'''",
    "[" * 2000, '["0-99999999999"]', '["0-2", "5-1", "-3"]', '["0-2"]', "[[0], [1], [2]]", "[[-1], [true], [0.5]]",
)  # fmt: skip


def segy_of(path: Path, rng: random.Random) -> str:
    """Change a header of all traces, of one, or of the file; or cut at a trace, a header or anywhere."""
    kind = rng.choice(["all", "one", "one", "binary", "binary", "cut"])
    name = rng.choice(BINARY if kind == "binary" else HEADERS)
    value = rng.choice(NUMBERS)
    if kind == "cut":
        content = path.read_bytes()
        size = rng.choice([0, 1, 3200, 3599, 3600, 3601, 3840, 3841, len(content) - 1, len(content) // 2])
        path.write_bytes(content[:size])
        return f"segy: cut to {size}"
    with segyio.open(str(path), "r+", ignore_geometry=True) as file, contextlib.suppress(ValueError, OverflowError):
        if kind == "binary":
            file.bin[getattr(segyio.BinField, name)] = value
        else:
            traces = range(file.tracecount) if kind == "all" else [rng.randrange(file.tracecount)]
            for trace in traces:
                file.header[trace] = {getattr(segyio.TraceField, name): value}
    return f"segy: {name} of {kind}"


def toml_of(path: Path, rng: random.Random) -> str:
    """Change a value of an acquisition, leave it out, say it twice, or another one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    fields = [number for number, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    number = rng.choice(fields)
    kind = rng.choice(["value", "value", "value", "value", "gone", "twice", "unknown", "table"])
    name = lines[number].split(" = ")[0]
    if kind == "value":
        lines[number] = f"{name} = {rng.choice(TOKENS)}"
    elif kind == "gone":
        del lines[number]
    elif kind == "twice":
        lines.append(lines[number])
    elif kind == "unknown":
        unknown = rng.choice(["sauces", name.upper(), "grid", "\u00fc", "-", '""'])
        lines.append(f"{unknown} = {rng.choice(TOKENS)}")
    else:
        lines.insert(number, f"[{rng.choice(['acquisition', name, '', 'a.b'])}]")
    path.write_text("\n".join(lines), encoding="utf-8")
    return f"toml: {kind} {name}"


def mat_of(path: Path, rng: random.Random) -> str:
    """The structure of a MATLAB file that is HDF5, the bytes of others."""
    return damage.hdf5_of(path, rng) if h5py.is_hdf5(path) else damage.bytes_of(path, rng)


def zarr_of(path: Path, rng: random.Random) -> str:
    """A member of a store: its records are JSON, its chunks are bytes."""
    member = rng.choice(sorted(each for each in path.rglob("*") if each.is_file()))
    if member.name.startswith("."):
        with contextlib.suppress(json.JSONDecodeError):
            return f"zarr: {damage.json_of(member, rng)} of {member.name}"
    kind = rng.choice([damage.bytes_of, damage.no_file])
    return f"zarr: {kind(member, rng)} of {member.name}"


STRUCTURED: dict[str, Callable[[Path, random.Random], str]] = {
    **damage.STRUCTURED, ".nc": damage.hdf5_of, ".mat": mat_of, ".sgy": segy_of, ".toml": toml_of, ".zarr": zarr_of,
}  # fmt: skip
"""Ending of a file's name -> what changes such a file, and leaves it one."""
