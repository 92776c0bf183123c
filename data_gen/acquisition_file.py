"""An acquisition as a TOML file that its user writes: every field, with its unit in a comment.

    sources = 8
    receivers = 64
    live_receivers = ["0-23", "8-31", ...]      # of a spread that moves

TOML is that of https://toml.io, read by Python's `tomllib`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.grid import Grid
from data_gen.reading import DAMAGE, cause, check_regular

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COMMENTS = {
    "depth_cells": "points of the velocity grid along depth",
    "x_cells": "points of the velocity grid along x",
    "spacing": "distance between them, m",
    "sources": "number of sources",
    "receivers": "number of receivers",
    "samples": "samples of a trace",
    "sample_interval": "time between them, s",
    "source_depth": "m, one for all sources, or a list with one each",
    "receiver_depth": "m, one for all receivers, or a list with one each",
    "peak_frequency": "of the Ricker wavelet, Hz",
    "velocity_limits": "lowest and highest velocity of the models, m/s",
    "free_surface": "true: the top reflects; false: it absorbs",
    "source_positions": "x of each source, m; without it they are spread evenly over the grid",
    "receiver_positions": "x of each receiver, m; without it they are spread evenly over the grid",
    "live_receivers": "of each source the receivers that record it, counted from 0; without it all do",
}
"""Field -> what stands beside it."""

NEEDED = ("depth_cells", "x_cells", "spacing", "samples", "sample_interval")
COUNTED = {"sources": "source_positions", "receivers": "receiver_positions"}
"""Numbers that need not be given where places are listed."""

MOST_CHARACTERS = 10**7
"""Of a file: more than any line has stations."""

WHOLE = ("depth_cells", "x_cells", "sources", "receivers", "samples")


def to_toml(acquisition: Acquisition) -> str:
    """The file's text; what the acquisition has not listed stands there as a comment."""
    values = acquisition.to_json()
    examples = {
        "source_positions": "[0.0, 187.5, 400.0]",
        "receiver_positions": "[0.0, 15.0, 30.0, 60.0]",
        "live_receivers": '["0-2", "1-3", "0,2-3"]',
    }
    lines = ["# An acquisition: tomo generate --acquisition THIS_FILE", ""]
    for name, comment in COMMENTS.items():
        if name not in values:
            lines.append(f"# {name} = {examples[name]}  # {comment}")
        elif name == "live_receivers":
            lines.append(f"{name} = [  # {comment}")
            lines += [f'    "{_ranges(row)}",' for row in values[name]]
            lines.append("]")
        else:
            lines.append(f"{name} = {_toml(values[name])}  # {comment}")
    return "\n".join(lines) + "\n"


def read_acquisition(path: Path) -> Acquisition:
    """The acquisition in a file.

    Raises DataError where it cannot be read as TOML, SettingError for fields that are missing, unknown or cannot be.
    """
    check_regular(path)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MOST_CHARACTERS + 1)
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"it has more than {MOST_CHARACTERS:,} characters")
        values = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {cause(error)}") from None
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read as TOML: {cause(error)}") from None
    try:
        return _acquisition(values)
    except (SettingError, OverflowError) as error:
        raise SettingError(f"{path}: {error}") from None


def _acquisition(values: dict[str, Any]) -> Acquisition:
    for name in values:
        if name not in COMMENTS:
            raise SettingError(f"there is no field {name!r}: choose from {', '.join(COMMENTS)}")
    for count, places in COUNTED.items():
        if count not in values and isinstance(values.get(places), list):
            values = {**values, count: len(values[places])}
    for name in (*NEEDED, *COUNTED):
        if name not in values:
            raise SettingError(f"{name} is missing: {COMMENTS[name]}")
    checked = {name: _checked(name, value) for name, value in values.items()}
    grid = Grid(**{field.name: checked.pop(field.name) for field in dataclasses.fields(Grid)})
    return Acquisition(grid, **checked)


def _checked(name: str, value: Any) -> Any:
    """A field's value, of the type that it should have."""
    if name == "free_surface":
        fits = isinstance(value, bool)
    elif name in WHOLE:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif name == "live_receivers":
        return tuple(_numbers(row) for row in value) if isinstance(value, list) else _refuse(name, value)
    elif name == "velocity_limits":
        fits = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
        value = tuple(map(float, value)) if fits else value
    elif name.endswith("_positions"):
        fits = isinstance(value, list) and all(map(_is_number, value))
    elif name.endswith("_depth") and isinstance(value, list):
        fits = all(map(_is_number, value))
    else:
        fits = _is_number(value)
        value = float(value) if fits else value
    return value if fits else _refuse(name, value)


def _refuse(name: str, value: Any) -> Any:
    raise SettingError(f"{name} cannot be {value!r}: {COMMENTS[name]}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(row: Any) -> tuple[int, ...]:
    """The receivers of a row: a list of whole numbers, or a text such as "0-23, 30"."""
    if isinstance(row, list) and all(isinstance(number, int) and not isinstance(number, bool) for number in row):
        return tuple(row)
    numbers: list[int] = []
    try:
        for part in row.split(","):
            first, dash, last = part.strip().partition("-")
            ends = int(first), int(last if dash else first)
            numbers += range(ends[0], min(ends[1], ends[0] + 10**6) + 1)
    except (AttributeError, ValueError):
        raise SettingError(f'live_receivers cannot be {row!r}: write them as "0-23, 30"') from None
    return tuple(numbers)


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as text, such as "0-23,30"."""
    parts = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        parts.append(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]))
    return ",".join(parts)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(repr, value))}]" if isinstance(value, list) else repr(value)
