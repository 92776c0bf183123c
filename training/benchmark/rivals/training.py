"""One contender of a task with mini-batches of one size: traced once, trained from seed to seed at rate after rate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from training.benchmark.comparison import Contender
from training.benchmark.problems import Problem
from training.benchmark.rivals.contenders import FallingRate
from training.benchmark.rivals.tasks import Task

SHARES = (1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1.0)
"""The parts of a training after which it is scored."""
TRACED = 3
"""Iterations in which everything has been traced."""


class _Scorer:
    """Loss and score of a model on what it is not trained on, now."""

    def __init__(self, problem: Problem, loss: str) -> None:
        self.options, self.callbacks = problem.validation()
        self.names = (loss, problem.score)

    def __call__(self, model: keras.Model) -> tuple[float, float]:
        logs: dict[str, float] = {}
        if "validation_data" in self.options:
            x, y = self.options["validation_data"]
            size = self.options.get("validation_batch_size")
            found = model.evaluate(x, y, batch_size=size, verbose=0, return_dict=True)
            logs = {f"val_{name}": value for name, value in found.items()}
        for callback in self.callbacks:
            callback.set_model(model)
            callback.on_epoch_end(0, logs)
        loss, score = (float(logs[name]) for name in self.names)
        return loss, score


class _Clock(keras.callbacks.Callback):
    """Processor seconds of a training, scoring excluded; scores at the marks; and its end, at the last mark.

    A training whose loss is then no number ends at once.
    """

    def __init__(self, marks: Sequence[int], scorer: _Scorer | None) -> None:
        super().__init__()
        self.marks, self.scorer = list(marks), scorer
        self.done, self.left_out = 0, 0.0
        self.seconds: list[float] = []
        self.found: list[tuple[float, float]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.begun = time.process_time()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.done += 1
        if self.done not in self.marks:
            return
        now = time.process_time()
        self.seconds.append(now - self.begun - self.left_out)
        if self.scorer is not None:
            self.found.append(self.scorer(self.model))
            self.left_out += time.process_time() - now
        if self.done == self.marks[-1] or (self.found and not np.isfinite(self.found[-1][0])):
            self.model.stop_training = True


class Trainee:
    """A contender of a task; its first training traces the step."""

    def __init__(self, task: Task, name: str, batch_size: int, validation: bool = False) -> None:
        self.name, self.batch_size, self.rate = name, batch_size, task.rates[name]
        self.schedule = FallingRate()
        make = task.contenders()[name]
        problem = replace(
            task.problem(batch_size, validation), contenders={name: lambda: make(self.schedule, task.decay)}
        )
        self.contender = Contender(problem, name)
        self.scorer = _Scorer(problem, task.loss)
        self.is_traced = False

    def seconds(self, iterations: int) -> float:
        """Processor seconds of an iteration, the mean of so many, at the middle rate."""
        return self._fit(0, self.rate, [iterations], None).seconds[-1] / iterations

    def train(self, seed: int, rate: float, iterations: int) -> dict[str, Any]:
        """Train from a seed over so many iterations; returns the row of the training.

        Lists hold iterations `at` which it was scored, `seconds` of the processor until then, `loss` and `score`,
        null where they are no number.
        """
        if not self.is_traced:
            self._fit(seed, rate, [TRACED], self.scorer)
            self.is_traced = True
        marks = sorted({max(1, round(share * iterations)) for share in SHARES})
        clock = self._fit(seed, rate, marks, self.scorer)
        finite = [[value if np.isfinite(value) else None for value in pair] for pair in clock.found]
        return {
            "contender": self.name,
            "batch_size": self.batch_size,
            "rate": rate,
            "seed": seed,
            "iterations": iterations,
            "at": marks[: len(finite)],
            "seconds": clock.seconds,
            "loss": [loss for loss, _ in finite],
            "score": [score for _, score in finite],
        }

    def _fit(self, seed: int, rate: float, marks: Sequence[int], scorer: _Scorer | None) -> _Clock:
        partition = self.contender.start(seed)
        self.schedule.set(rate, marks[-1])
        clock = _Clock(marks, scorer)
        epochs = -(-marks[-1] // len(partition))
        self.contender.model.fit(partition, epochs=epochs, verbose=0, callbacks=[clock])
        return clock


def costs(trainees: Sequence[Trainee], rounds: int, seconds: float = 1.0) -> list[dict[str, Any]]:
    """Processor seconds of an iteration of each, in every one of `rounds` rounds of some `seconds` a trainee.

    They take turns, so that whatever else the machine does slows them alike. Tracing is left out, and so is the first
    short look that tells how many iterations make a turn.
    """
    for trainee in trainees:
        trainee.seconds(TRACED)
    turns = [max(TRACED, round(seconds / trainee.seconds(2 * TRACED))) for trainee in trainees]
    found = [[t.seconds(turn) for t, turn in zip(trainees, turns, strict=True)] for _ in range(rounds)]
    return [
        {"contender": t.name, "batch_size": t.batch_size, "seconds_per_iteration": list(values)}
        for t, values in zip(trainees, zip(*found, strict=True), strict=True)
    ]
