"""What a time was measured on, and how many processes it is for."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
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
