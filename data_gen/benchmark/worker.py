"""Where a worker's time goes, and what a whole survey takes."""

from __future__ import annotations

import resource
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from data_gen.benchmark.ceiling import measure_ceiling
from data_gen.benchmark.race import processes
from data_gen.machine import peak_memory
from data_gen.production.generate import generate_survey
from data_gen.production.shard_maker import ShardMaker
from data_gen.simulator.acoustic import Simulator
from data_gen.survey.specification import SurveySpecification

FLOPS = 49
"""Of one update, both Laplacians, counted in the generated code; the layer's are not in it."""
BYTES = 32
"""Read and written by the two passes of one update: u, c², w; w, c², u, u before, u after."""


def worker_share(specification: SurveySpecification) -> dict[str, float]:
    """What `_one_shard` measures, in a process with one thread, as a worker is."""
    with processes(1, 1) as pool:
        return pool.apply(_one_shard, (specification,))


def _one_shard(specification: SurveySpecification) -> dict[str, float]:
    """One worker makes the first shard: seconds to build it, seconds for the shard, and where they went.

    `loop_share` is the part spent in the generated stencil loops; `updates_per_second`, `gflops` and
    `gigabytes_per_second` are those of the loops, per second of CPU time, beside the `ceiling` of the core.
    """
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        maker = ShardMaker(specification, Path(folder))
        built, cpu_built = time.perf_counter(), time.process_time()
        maker.make(0, lambda kind, value: None)
        seconds, cpu_seconds = time.perf_counter() - built, time.process_time() - cpu_built
    simulator: Simulator = maker.simulator
    shots = len(specification.shard_models(0)) * specification.acquisition.sources
    updates = simulator.shape[0] * simulator.shape[1] * (simulator.clock.steps + 1) * shots
    share = simulator.loop_seconds / seconds
    rate = updates / (share * cpu_seconds)
    return {
        "build_seconds": built - begin,
        "shard_seconds": seconds,
        "shard_cpu_seconds": cpu_seconds,
        "loop_share": share,
        "updates_per_second": rate,
        "gflops": rate * FLOPS / 1e9,
        "gigabytes_per_second": rate * BYTES / 1e9,
        **{
            f"ceiling_{name}": value
            for name, value in measure_ceiling(4 * simulator.shape[0] * simulator.shape[1]).items()
        },
    }


def whole_survey(specification: SurveySpecification, folder: Path, workers: int) -> dict[str, Any]:
    """Make a survey in an empty folder: seconds, CPU time of the workers, their peak memory, bytes on disk."""
    peak = [0]

    def look(shots: int) -> None:
        peak.append(max([peak.pop(), *(peak_memory(pid) for pid in _children())]))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    generate_survey(specification, folder, workers, look)
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "models": specification.models,
        "shots": specification.models * specification.acquisition.sources,
        "dtype": specification.dtype,
        "workers": workers,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "share_of_the_cores": cpu / seconds / workers,
        "peak_bytes_per_worker": peak[0],
        "bytes_on_disk": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()]
