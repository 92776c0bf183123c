"""What one core of this machine can do at most: floating-point operations, and bytes from its own cache.

Two small C loops, compiled as the simulator is: fused multiply-adds on registers alone, and STREAM's triad
a = b + s c (McCalpin 1995) on arrays as large as the wavefields of one shot.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SOURCE = """
typedef float vector __attribute__((vector_size(64)));

float multiply_add(long repeats, float factor)
{
  vector x[12];
  for (int k = 0; k < 12; k++) x[k] = (vector){} + (float)k;
  for (long i = 0; i < repeats; i++)
    for (int k = 0; k < 12; k++) x[k] = x[k] * factor + factor;
  float sum = 0;
  for (int k = 0; k < 12; k++) sum += x[k][0];
  return sum;
}

void triad(long repeats, long size, float *restrict a, const float *restrict b, const float *restrict c, float s)
{
  for (long i = 0; i < repeats; i++) {
    for (long j = 0; j < size; j++) a[j] = b[j] + s * c[j];
    __asm__ volatile("" : : "r"(a) : "memory");
  }
}
"""
OPERATIONS = 12 * 16 * 2
FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-shared", "-fPIC")


def measure_ceiling(array_bytes: int, seconds: float = 0.1) -> dict[str, float]:
    """`gflops` of the first loop and `gigabytes_per_second` of the second, arrays of so many bytes; the best of five.

    Raises OSError or CalledProcessError where gcc is missing or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "ceiling.c"), Path(folder, "ceiling.so")
        source.write_text(SOURCE)
        subprocess.run(["gcc", *FLAGS, source, "-o", library], check=True)
        loops = ctypes.CDLL(str(library))
    size = array_bytes // 4
    arrays = [np.ones(size, np.float32) for _ in range(3)]
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    loops.multiply_add.restype = ctypes.c_float

    def add(repeats: int) -> None:
        loops.multiply_add(ctypes.c_long(repeats), ctypes.c_float(0.5))

    def stream(repeats: int) -> None:
        loops.triad(ctypes.c_long(repeats), ctypes.c_long(size), *pointers, ctypes.c_float(0.5))

    return {
        "gflops": _rate(add, seconds) * OPERATIONS / 1e9,
        "gigabytes_per_second": _rate(stream, seconds) * 3 * array_bytes / 1e9,
        "array_bytes": array_bytes,
    }


def _rate(loop: Callable[[int], None], seconds: float) -> float:
    """Repeats a second of CPU time: the best of five runs of at least so many seconds."""
    repeats = 1
    while _time(loop, repeats) < seconds:
        repeats *= 2
    return max(repeats / _time(loop, repeats) for _ in range(5))


def _time(loop: Callable[[int], None], repeats: int) -> float:
    begin = time.process_time()
    loop(repeats)
    return time.process_time() - begin
