"""This machine: what a time was measured on, how many processes it is for, and how one is started."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


def available_cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine(packages: Sequence[str]) -> dict[str, Any]:
    """Processor, cores, how busy they are with other things, system, and versions of Python and of packages.

    Raises importlib.metadata.PackageNotFoundError for a package that is not installed.
    """
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "load_at_start": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in packages},
        },
    }


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16, without which they are slower than float32."""
    return bool({"avx512_bf16", "amx_bf16"} & set(_of_processor("flags").split()))


def peak_memory(process: int | None = None) -> int:
    """Bytes of the largest resident set of a process so far, this one if none is given; 0 for one that is gone.

    Not what `getrusage` says, which begins with that of the process that started it.
    """
    try:
        lines = Path(f"/proc/{process or os.getpid()}/status").read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["VmHWM"].split()[0]) * 1024 if "VmHWM" in fields else 0


def _processor() -> str:
    return _of_processor("model name") or platform.processor()


def _of_processor(field: str) -> str:
    """What the system says of its first processor; nothing where it says nothing."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == field), "")


ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)  # fmt: skip
"""What a process of one thread finds in its environment before it imports NumPy, TensorFlow or PyTorch."""


def start_process(module: str) -> tuple[subprocess.Popen, Connection]:
    """A fresh interpreter of one thread that calls `main()` of a module, and our end of the socket between us.

    The number of its end is its last argument. It sees the modules that this process sees, not those of the folder that
    it stands in.
    """
    path = [str(Path(__file__).parents[1]), *(entry for entry in sys.path if entry)]
    program = f"import sys; sys.path[:] = {path!r}; from {module} import main; main()"
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.DEVNULL,
        )
    return process, Connection(ours.detach())
