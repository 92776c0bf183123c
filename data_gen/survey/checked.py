"""HDF5 files that know their size and checksum, so that a truncated file or a flipped byte shows.

Their first 512 bytes, HDF5's user block, hold the size of the file and the SHA-256 of all that follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import h5py

from data_gen.errors import DataError
from data_gen.files import hdf5_in_memory, write_bytes
from data_gen.reading import DAMAGE, check_regular, reading

USER_BLOCK = 512
BEGINNING = b"tomo shard bytes="


@contextmanager
def checked_file(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to fill, in memory; at the end it is written with its checksum, whole or not at all.

    Equal content gives equal bytes. Raises MachineError where it cannot be written, for instance for a full disk.
    """
    with hdf5_in_memory(userblock_size=USER_BLOCK) as made:
        yield made.file
    write_bytes(path, _header(len(made.image), hashlib.sha256(made.image).hexdigest()), made.image)


def is_whole(path: Path) -> bool:
    """Whether a file is there in its full length, by its header; its content is not read."""
    if not path.is_file():
        return False
    try:
        with open(path, "rb") as raw:
            size = int(raw.read(USER_BLOCK).split(b"bytes=")[1].split()[0])
        return path.stat().st_size == size
    except (OSError, IndexError, ValueError):
        return False


def is_whole_of(path: Path, name: str, count: int) -> bool:
    """Whether a file is there in its full length, and its data set `name` is of so many models."""
    if not is_whole(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return bool(file[name].shape[0] == count)
    except DAMAGE:
        return True  # of what is damaged inside others tell


def verify(path: Path) -> None:
    """Read a file from end to end; raises DataError where any byte is not what was written."""
    check_regular(path)
    with reading(path), open(path, "rb") as raw:
        header = raw.read(USER_BLOCK)
        expected = _header(*_digest(raw))
    if header != expected:
        raise DataError(f"{path} is damaged: its bytes do not have the checksum written with them")


def has_checksum(path: Path) -> bool:
    """Whether a file says that it is one of these."""
    return stated_checksum(path).startswith(BEGINNING)


def stated_checksum(path: Path) -> bytes:
    """The header of a file, with its size and checksum; raises DataError where it cannot be read."""
    check_regular(path)
    with reading(path), open(path, "rb") as raw:
        return raw.read(USER_BLOCK)


def _header(size: int, digest: str) -> bytes:
    """The user block of a file whose other bytes are so many, with this SHA-256."""
    return BEGINNING + f"{USER_BLOCK + size} sha256={digest}\n".encode().ljust(USER_BLOCK - len(BEGINNING), b" ")


def _digest(file: BinaryIO) -> tuple[int, str]:
    """Number of bytes from here to the end of a file, and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    while block := file.read(1 << 20):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
