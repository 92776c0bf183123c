"""Files that are there whole or not at all, and a folder that one process at a time writes to."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from data_gen.errors import DataError, MachineError

TEMPORARY = ".unfinished-"
"""How the names of files begin that are being written; what a killed process leaves behind is told by it."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, in the same folder and with the same ending, that becomes `path` at the end.

    It is forced to disk first, so that after a power cut too there is the old file or the new one. An error inside
    leaves things as they were; one of the system's, such as a full disk, is raised as MachineError. Raises DataError
    where a folder, a pipe or a device has the name: it is not replaced.
    """
    if os.path.lexists(path) and not path.is_file():
        raise DataError(f"{path} is {'a folder' if path.is_dir() else 'no file'}: choose another name")
    temporary = path.with_name(f"{TEMPORARY}{socket.gethostname()}-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {reason(error)}") from None
    finally:
        with suppress(OSError):  # the folder is gone, or no folder: that is what has just been reported
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to, in the same folder, that becomes `path` at the end; else nothing is left of it.

    Raises MachineError for an error of the system's, DataError where something has the name.
    """
    if os.path.lexists(path):
        raise DataError(f"{path} already exists: choose another name")
    temporary = path.with_name(f"{TEMPORARY}{socket.gethostname()}-{os.getpid()}-{path.name}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {reason(error)}") from None
    except MachineError as error:  # of a file in the folder: named as it would have been
        raise MachineError(str(error).replace(str(temporary), str(path))) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, *parts: bytes) -> None:
    """Write a whole file of these parts; raises MachineError as `whole_file`."""
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        for part in parts:
            file.write(part)


@contextmanager
def hdf5_in_memory(**options: Any) -> Iterator[HDF5]:
    """An HDF5 file that is made in memory, with `options` of `h5py.File`; its `image` is there at the end.

    HDF5 itself ends in a crash when a disk is full, or leaves a file that it cannot close. The image is of what comes
    after a user block.
    """
    with h5py.File("memory", "w", driver="core", backing_store=False, **options) as file:
        made = HDF5(file)
        yield made
        file.flush()
        made.image = file.id.get_file_image()


@dataclass
class HDF5:
    """A `file` to be filled, and the bytes of it."""

    file: h5py.File
    image: bytes = b""


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, UTF-8 whatever the locale; raises MachineError as `whole_file`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any, indent: int = 1) -> None:
    """Write a whole JSON file; raises MachineError as `whole_file`."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


def sweep(*folders: Path) -> None:
    """Remove what killed processes left half-written in folders; not in those below them."""
    for folder in folders:
        for leftover in folder.glob(f"{TEMPORARY}*"):
            leftover.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, writer: str) -> Iterator[None]:
    """Hold a folder; the system lets go of it when this process ends, however it ends.

    Raises MachineError where another `writer`, such as "tomo generate", holds it, or it cannot be written to.
    """
    try:
        file = open(folder / ".lock", "w", opener=_without_waiting)  # noqa: SIM115 (its own errors are told apart)
    except OSError as error:
        raise MachineError(f"{folder} cannot be written to: {reason(error)}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MachineError(f"another {writer} is writing to {folder}") from None
        yield


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe without anybody at its other end is an error."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)


def reason(error: OSError) -> str:
    """What the system says of an error, without HDF5's details."""
    return os.strerror(error.errno) if error.errno else str(error)


def _sync_folder(folder: Path) -> None:
    """Force a folder's names to disk, so that a rename outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
