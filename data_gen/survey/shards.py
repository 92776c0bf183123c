"""One shard of a survey: an HDF5 file of up to 16 models, whole or not there, with its checksum."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from data_gen.survey.checked import checked_file


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
    with checked_file(path) as file:
        if dtype == "float16":
            _write_half(file, content.gathers)
        else:
            file["gathers"] = content.gathers
        file["velocity"] = content.velocity
        file["salt_mask"] = content.salt_mask
        file["parameters"] = [json.dumps(values, sort_keys=True) for values in content.parameters]


def half_scale(gathers: np.ndarray) -> np.ndarray:
    """The power of two per model, float32 (model,), that brings the largest sample between 2^13 and 2^14."""
    largest = np.abs(gathers).max(axis=(1, 2, 3)).astype(np.float64)
    return np.exp2(np.ceil(np.log2(np.maximum(largest, 1e-30))) - 14).astype(np.float32)


def _write_half(file: h5py.File, gathers: np.ndarray) -> None:
    scale = half_scale(gathers)[:, None, None, None]
    half = (gathers / scale).astype(np.float16)
    error = np.linalg.norm((half * scale - gathers).reshape(len(gathers), -1), axis=1)
    norm = np.linalg.norm(gathers.reshape(len(gathers), -1), axis=1)
    file["gathers"] = half
    file["scale"] = scale.ravel()
    file["quantization_error"] = (error / np.maximum(norm, 1e-30)).astype(np.float32)
