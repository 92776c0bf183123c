"""Peak memory of a training, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import tensorflow as tf

from data_gen.files import write_json
from data_gen.machine import peak_memory
from data_gen.reading import earlier_results
from data_gen.survey.reader import Survey
from training.benchmark.comparison import Contender, machine, repeat
from training.benchmark.problems import tomography_problem


def measure(
    survey: Path,
    contenders: Sequence[str],
    network: str,
    batch_size: int,
    micro_batch: int | None,
    epochs: int,
    output: Path,
    prepare: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Train contenders of the tomography problem on a survey (all if none is named), one after the other.

    Returns the results, which are written to `output` after each: under `peak_bytes`, by name, `resident` is the
    process's largest resident memory, TensorFlow's own libraries included, and `gpu` the most that was allocated on the
    first GPU, None without one. `prepare` is called first in each process. Raises SettingError for a name that is no
    contender's, MachineError where the results cannot be written.
    """
    opened = Survey.open(survey)
    problem = tomography_problem(opened, network, batch_size, micro_batch)
    for name in contenders:
        problem.check(name)
    results: dict[str, Any] = {
        "problem": problem.name,
        "training_models": len(opened.train),
        "batch_size": batch_size,
        "micro_batch": micro_batch,
        "epochs": epochs,
        "machine": machine(),
        "peak_bytes": {},
    }
    earlier_results(output, *results)
    for name in contenders or problem.contenders:
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"), initializer=prepare) as process:
            task = process.submit(_train, survey, name, network, batch_size, micro_batch, epochs)
            results["peak_bytes"][name] = task.result()
        write_json(output, results)
    return results


def _train(
    survey: Path, name: str, network: str, batch_size: int, micro_batch: int | None, epochs: int
) -> dict[str, Any]:
    problem = tomography_problem(Survey.open(survey), network, batch_size, micro_batch)
    repeat(Contender(problem, name), 0, epochs)
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "resident": peak_memory(),
        "gpu": tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else None,
    }
