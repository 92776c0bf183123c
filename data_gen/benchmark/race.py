"""Contenders side by side: each in processes of its own that stay, round after round, on the same models."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import lru_cache
from multiprocessing import get_context
from multiprocessing.pool import Pool
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.benchmark.accuracy import boundary_error, scheme_error
from data_gen.benchmark.contenders import ALL_CORES, CONTENDERS, Contender
from data_gen.geology import random_model

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SALT = 0.1


def race(acquisition: Acquisition, rounds: int, cores: int) -> dict[str, dict[str, Any]]:
    """Measure every contender on an acquisition; one round is `cores` models by each of them, one after the other.

    Returns, by name: `seconds_per_model` and `cpu_seconds_per_model` of every round, `points`, `steps`,
    `updates_per_second` of all cores at the median, `boundary_error` on two salt models and `scheme_error` by
    velocity. Raises MachineError where a contender is not installed.
    """
    models = salt_models(acquisition, max(cores, 2))
    results: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        pools = {name: stack.enter_context(_pool(name, cores)) for name in CONTENDERS}
        tasks = {name: [(name, acquisition, model) for model in models[:cores]] for name in CONTENDERS}
        for name, pool in pools.items():
            results[name] = pool.apply(_quality, (name, acquisition, models[:2]))
            pool.starmap(_gather, tasks[name], chunksize=1)
            results[name] |= {"seconds_per_model": [], "cpu_seconds_per_model": []}
        for _ in range(rounds):
            for name, pool in pools.items():
                begin = time.perf_counter()
                cpu = sum(pool.starmap(_gather, tasks[name], chunksize=1))
                results[name]["seconds_per_model"].append((time.perf_counter() - begin) / cores)
                results[name]["cpu_seconds_per_model"].append(cpu / cores)
    for row in results.values():
        updates = row["points"] * row["steps"] * acquisition.sources
        row["updates_per_second"] = updates / float(np.median(row["seconds_per_model"]))
    return results


def salt_models(acquisition: Acquisition, count: int) -> list[np.ndarray]:
    """The first velocity models of seed 7 with more than a tenth of salt."""
    models: list[np.ndarray] = []
    index = 0
    while len(models) < count:
        earth = random_model(np.random.default_rng([7, index]), acquisition)
        index += 1
        if earth.salt_mask.mean() > SALT:
            models.append(earth.velocity)
    return models


@contextmanager
def processes(count: int, threads: int) -> Iterator[Pool]:
    """Fresh processes of so many threads; threads that wait sleep, so that others on the machine disturb little."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(THREADS, str(threads)) | {"OMP_WAIT_POLICY": "passive"})
    try:
        pool = get_context("spawn").Pool(count)
    finally:
        os.environ.clear()
        os.environ.update(before)
    with pool:
        yield pool


def _pool(name: str, cores: int) -> AbstractContextManager[Pool]:
    return processes(1, cores) if name in ALL_CORES else processes(cores, 1)


@lru_cache(maxsize=1)
def _built(name: str, acquisition: Acquisition) -> Contender:
    return CONTENDERS[name](acquisition)


def _gather(name: str, acquisition: Acquisition, velocity: np.ndarray) -> float:
    contender = _built(name, acquisition)
    begin = time.process_time()
    contender.gather(velocity)
    return time.process_time() - begin


def _quality(name: str, acquisition: Acquisition, models: list[np.ndarray]) -> dict[str, Any]:
    build, contender = CONTENDERS[name], _built(name, acquisition)
    return {
        "points": contender.points,
        "steps": contender.steps,
        "boundary_error": boundary_error(build, acquisition, models),
        "scheme_error": {f"{velocity:g}": scheme_error(build, acquisition, velocity) for velocity in (1500.0, 3000.0)},
    }
