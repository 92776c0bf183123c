"""Small real files that tests of several benchmarks train on."""

from __future__ import annotations

import gzip

import numpy as np
import pytest


def write_idx(path, array, packed):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)


@pytest.fixture
def digits(tmp_path):
    """Squares at ten places: as easy as it gets, in MNIST's own format, gzipped and not."""
    rng = np.random.default_rng(0)
    for name, count, packed in (("train", 200, True), ("t10k", 50, False)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[5 * (label // 5) * 2 + 2 :, 5 * (label % 5) + 2 :][:6, :5] = 255
        ending = ".gz" if packed else ""
        write_idx(tmp_path / f"{name}-images-idx3-ubyte{ending}", images, packed)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte{ending}", labels, packed)
    return tmp_path
