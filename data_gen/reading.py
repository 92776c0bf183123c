"""Reading somebody's files: one that is damaged, locked, no file or not what it should be is one line with its name."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import stat
import tokenize
import types
import typing
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from data_gen.errors import DataError, TomoError

MOST_RECORD_BYTES = 10**9
"""Of a record in JSON: more than any that tomo writes, and read within seconds."""

Fields = TypeVar("Fields")

DAMAGE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, EOFError, MemoryError,
    ArithmeticError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What Python, NumPy and HDF5 raise when they read a file that is not what it should be."""

HDF5_SAYS = {
    "unable to lock file": "another process is writing to it",
    "file signature not found": "it is no HDF5 file",
    "truncated file": "it has been cut short",
}
"""What HDF5's errors mean."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise DataError, with the file's name and the reason, for whatever is met while a file is read."""
    try:
        yield
    except TomoError:
        raise
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read: {cause(error)}") from None


def cause(error: BaseException) -> str:
    """Why a file could not be read, in one line."""
    if isinstance(error, BlockingIOError):
        return HDF5_SAYS["unable to lock file"]
    for what, meaning in HDF5_SAYS.items():
        if what in str(error):
            return meaning
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, MemoryError):
        return "it is said to be larger than the memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, KeyError) and " " not in str(error.args[0]):
        return f"it has no {error.args[0]!r}"
    said = error.args[0] if isinstance(error, KeyError) else error  # its own text is quoted
    return (str(said).strip().splitlines() or [""])[0] or type(error).__name__


def check_regular(path: Path) -> None:
    """Raise DataError unless there is a file: a folder, or a pipe that never ends, is none."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        raise DataError(f"{path} does not exist" if missing else f"{path} cannot be read: {cause(error)}") from None
    except ValueError as error:  # a NUL in the name
        raise DataError(f"{str(path)!r} cannot be read: {error}") from None
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is a {'folder' if stat.S_ISDIR(mode) else 'pipe or device'}, not a file")


def check_folder(path: Path) -> None:
    """Raise DataError unless there is a folder that can be looked into."""
    try:
        os.scandir(path).close()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path} {'is a file, not a folder' if path.exists() else 'does not exist'}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {cause(error)}") from None


@contextmanager
def hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read; raises DataError for one that cannot be, or that turns out to be damaged in the block."""
    check_regular(path)
    with reading(path), h5py.File(path, "r") as file:
        yield file


def dataset(file: h5py.File, name: str, shape: tuple[int | None, ...], kinds: str) -> h5py.Dataset:
    """A data set of a file; None stands for any length, `kinds` are letters of NumPy's.

    Raises ValueError where there is none, or one of another shape or type.
    """
    link = file.get(name, getlink=True)
    found = None if isinstance(link, h5py.ExternalLink) else file.get(name)
    if not isinstance(found, h5py.Dataset) or found.is_virtual:
        raise ValueError(f"it holds no data set {name!r}")
    fits = len(found.shape or ()) == len(shape) and all(
        ours is None or ours == theirs for ours, theirs in zip(shape, found.shape or (), strict=True)
    )
    if not fits or found.dtype.kind not in kinds:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name!r} is {found.dtype} of shape {found.shape}, not of shape ({wanted})")
    return found


def sources(path: Path, name: str) -> set[Path]:
    """The other files that a data set of an HDF5 file lies in, as those of `survey.h5` do.

    Raises DataError where one is none: HDF5 would read numbers that nobody wrote, or wait for a pipe without end.
    """
    files: set[Path] = set()
    with hdf5(path) as file:
        link = file.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            check_regular(path.parent / link.filename)
            files.add(path.parent / link.filename)
        found = file.get(name)
        if isinstance(found, h5py.Dataset) and found.is_virtual:
            files |= {path.parent / each.file_name for each in found.virtual_sources() if each.file_name != "."}
    for each in sorted(files):
        check_regular(each)
    return files


def read_json(path: Path) -> Any:
    """The content of a JSON file; raises DataError for a file that is missing, damaged or no JSON."""
    check_regular(path)
    with reading(path):
        if path.stat().st_size > MOST_RECORD_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes, more than any record")
        return json.loads(path.read_text(encoding="utf-8"))


def earlier_results(path: Path, *names: str) -> dict[str, Any]:
    """What a file of results, of these names, holds already: nothing where there is none; DataError for any other."""
    if not os.path.lexists(path):
        return {}
    results = read_json(path)
    if not isinstance(results, dict) or not set(results) <= set(names):
        raise DataError(f"{path} holds something else: choose another name")
    return results


def typed(kind: type[Fields], values: Any) -> Fields:
    """An instance of a dataclass of plain fields from a record of them; raises ValueError for another type or name.

    A number with a fraction is finite, a whole one is no truth value, lists are the tuples that JSON made them of; a
    field that is left out takes its default.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"it holds {type(values).__name__} where the fields of {kind.__name__} should be")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise ValueError(f"it has an unknown field {name!r}")
    for name, field in fields.items():
        if name not in values:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise ValueError(f"it has no {name!r}")
        elif not _is(values[name], hints[name]):
            raise ValueError(f"its {name!r} is {_shown(values[name])}")
    tuples = {name: _tuples(value) for name, value in values.items() if _has_tuple(hints[name])}
    return kind(**{**values, **tuples})


def _choices(hint: Any) -> tuple[Any, ...]:
    """The types that a field may be of."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is of a field's type; what is not plain is left to the field's own class."""
    choices = _choices(hint)
    if len(choices) > 1:
        return any(_is(value, choice) for choice in choices)
    if (origin := typing.get_origin(hint)) is tuple:
        return isinstance(value, tuple | list) and _are(value, typing.get_args(hint))
    if origin in (dict, list):
        return isinstance(value, origin)
    if hint is type(None):
        return value is None
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value) < 1e300 and math.isfinite(value)
    return type(value) is hint if hint in (int, str, bool, float) else value is not None


def _are(values: typing.Sequence[Any], hints: tuple[Any, ...]) -> bool:
    """Whether values are of the types within a tuple's brackets."""
    if hints[-1] is ...:
        return all(_is(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_is, values, hints))


def _has_tuple(hint: Any) -> bool:
    return any(typing.get_origin(choice) is tuple for choice in _choices(hint))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, tuple | list) else value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def open_npy(path: Path) -> np.ndarray:
    """An array in a `.npy` file, mapped into memory; raises DataError for a file that is damaged or shorter than it
    says."""
    check_regular(path)
    with reading(path):
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        return np.lib.format.open_memmap(path, mode="r")
