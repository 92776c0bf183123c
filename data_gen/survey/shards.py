"""One shard of a survey: an HDF5 file of up to 16 models, whole or not there.

It is written under a temporary name, forced to disk and renamed. Its first 512 bytes, HDF5's user block,
hold the size and the SHA-256 of all that follows, so that a truncated file or a flipped byte shows. Equal
content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from data_gen.errors import DataError
from data_gen.files import hdf5_in_memory, write_bytes

USER_BLOCK = 512


@dataclass(frozen=True)
class ShardContent:
    """Gathers float32 (model, source, receiver, time), velocity [m/s] float32 and salt mask (model, depth,
    x)."""

    gathers: np.ndarray
    velocity: np.ndarray
    salt_mask: np.ndarray
    parameters: list[dict[str, Any]]


def write_shard(path: Path, content: ShardContent, dtype: str) -> None:
    """Write a shard with its gathers as `dtype`; nothing appears under the final name before it is whole.

    float16 gathers are divided by `scale`, a power of two for each model, that brings their largest sample
    near the middle of the type's range; `quantization_error` is the relative L2 error this costs. Nothing is
    compressed: zlib with shuffled bytes takes a fifth off for a third of the simulation's time.
    Raises MachineError, for instance for a full disk.
    """
    with hdf5_in_memory(userblock_size=USER_BLOCK) as made:
        if dtype == "float16":
            _write_half(made.file, content.gathers)
        else:
            made.file["gathers"] = content.gathers
        made.file["velocity"] = content.velocity
        made.file["salt_mask"] = content.salt_mask
        made.file["parameters"] = [json.dumps(values, sort_keys=True) for values in content.parameters]
    write_bytes(path, _header(len(made.image), hashlib.sha256(made.image).hexdigest()), made.image)


def half_scale(gathers: np.ndarray) -> np.ndarray:
    """The power of two per model, float32 (model,), that brings the largest sample between 2^13 and 2^14."""
    largest = np.abs(gathers).max(axis=(1, 2, 3)).astype(np.float64)
    return np.exp2(np.ceil(np.log2(np.maximum(largest, 1e-30))) - 14).astype(np.float32)


def is_whole(path: Path) -> bool:
    """Whether a shard is there in its full length, by its header; its content is not read."""
    try:
        with open(path, "rb") as raw:
            size = int(raw.read(USER_BLOCK).split(b"bytes=")[1].split()[0])
        return path.stat().st_size == size
    except (OSError, IndexError, ValueError):
        return False


def verify_shard(path: Path) -> None:
    """Read a shard from end to end; raises DataError where any byte is not what was written."""
    try:
        with open(path, "rb") as raw:
            header = raw.read(USER_BLOCK)
            expected = _header(*_digest(raw))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if header != expected:
        raise DataError(f"{path} is damaged: its bytes do not have the checksum written with them")


def _header(size: int, digest: str) -> bytes:
    """The user block of a shard whose other bytes are so many, with this SHA-256."""
    return f"tomo shard bytes={USER_BLOCK + size} sha256={digest}\n".encode().ljust(USER_BLOCK, b" ")


def _digest(file: BinaryIO) -> tuple[int, str]:
    """Number of bytes from here to the end of a file, and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    while block := file.read(1 << 20):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


def _write_half(file: h5py.File, gathers: np.ndarray) -> None:
    scale = half_scale(gathers)[:, None, None, None]
    half = (gathers / scale).astype(np.float16)
    error = np.linalg.norm((half * scale - gathers).reshape(len(gathers), -1), axis=1)
    norm = np.linalg.norm(gathers.reshape(len(gathers), -1), axis=1)
    file["gathers"] = half
    file["scale"] = scale.ravel()
    file["quantization_error"] = (error / np.maximum(norm, 1e-30)).astype(np.float32)
