"""Peak memory of a training, each in a process of its own."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import tensorflow as tf

from data_gen.survey.reader import Survey
from training.benchmark.comparison import Contender, repeat
from training.benchmark.problems import tomography_problem


def peak_memory(
    survey: Path,
    contenders: Sequence[str],
    architecture: str,
    batch_size: int,
    micro_batch: int | None,
    epochs: int,
    prepare: Callable[[], None] | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Train contenders of the tomography problem on a survey (all if none is named), one after the other.

    Yields each one's name and what it needed: `resident` is the process's largest resident memory, TensorFlow's own
    libraries included, and `gpu` the most that was allocated on the first GPU, None without one; both in bytes.
    `prepare` is called first in each process. Raises SettingError for a name that is no contender's.
    """
    problem = tomography_problem(Survey.open(survey), architecture, batch_size, micro_batch)
    for name in contenders:
        problem.check(name)
    for name in contenders or problem.contenders:
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"), initializer=prepare) as process:
            task = process.submit(_train, survey, name, architecture, batch_size, micro_batch, epochs)
            yield name, task.result()


def _train(
    survey: Path, name: str, architecture: str, batch_size: int, micro_batch: int | None, epochs: int
) -> dict[str, Any]:
    problem = tomography_problem(Survey.open(survey), architecture, batch_size, micro_batch)
    repeat(Contender(problem, name), 0, epochs)
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "resident": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "gpu": tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else None,
    }
