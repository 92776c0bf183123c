"""One contender of a task with mini-batches of one size: traced once, trained from seed to seed at rate after rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from training.benchmark.comparison import Contender
from training.benchmark.cost import device, float32_throughout, in_turn
from training.benchmark.problems import Problem
from training.benchmark.rivals.tasks import Task
from training.sqgn.falling import FallingRate

SHARES = (1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1.0)
"""The parts of a training after which it is scored."""


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


class _Marks(keras.callbacks.Callback):
    """Scores after so many iterations each, and the training's end, after the last or a loss that is no number."""

    def __init__(self, marks: Sequence[int], scorer: _Scorer) -> None:
        super().__init__()
        self.marks, self.scorer = list(marks), scorer
        self.done = 0
        self.found: list[tuple[float, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.done += 1
        if self.done in self.marks:
            self.found.append(self.scorer(self.model))
            self.model.stop_training = self.done == self.marks[-1] or not np.isfinite(self.found[-1][0])


class Trainee:
    """A contender of a task with mini-batches of one size."""

    def __init__(self, task: Task, name: str, batch_size: int, validation: bool = False) -> None:
        self.name, self.batch_size, self.rate = name, batch_size, task.rates[name]
        self.schedule = FallingRate()
        make = task.contenders()[name]
        problem = replace(
            task.problem(batch_size, validation), contenders={name: lambda: make(self.schedule, task.decay)}
        )
        self.contender = Contender(problem, name)
        self.scorer = _Scorer(problem, task.loss)

    def seconds(self, iterations: int) -> float:
        """Processor seconds of an iteration, the mean of so many, at the middle rate."""
        self.schedule.set(self.rate, iterations)
        return self.contender.seconds(iterations)

    def train(self, seed: int, rate: float, iterations: int) -> dict[str, Any]:
        """Train from a seed over so many iterations; returns the row of the training.

        Lists hold iterations `at` which it was scored, `loss` and `score`, null where they are no number.
        """
        float32_throughout()
        marks = sorted({max(1, round(share * iterations)) for share in SHARES})
        partition = self.contender.start(seed)
        self.schedule.set(rate, iterations)
        scores = _Marks(marks, self.scorer)
        epochs = -(-iterations // len(partition))
        self.contender.model.fit(partition, epochs=epochs, verbose=0, callbacks=[scores])
        finite = [[value if np.isfinite(value) else None for value in pair] for pair in scores.found]
        return {
            "contender": self.name,
            "batch_size": self.batch_size,
            "rate": rate,
            "seed": seed,
            "iterations": iterations,
            "at": marks[: len(finite)],
            "device": device(),
            "loss": [loss for loss, _ in finite],
            "score": [score for _, score in finite],
        }


def costs(trainees: Sequence[Trainee]) -> list[dict[str, Any]]:
    """Processor seconds of an iteration of each in every round, all in turn."""
    found = in_turn([trainee.seconds for trainee in trainees], [trainee.contender.period for trainee in trainees])
    return [
        {"contender": t.name, "batch_size": t.batch_size, "seconds_per_iteration": values}
        for t, values in zip(trainees, found, strict=True)
    ]
