"""Optimizers side by side on one problem: the same network, mini-batches and `fit`, one result file.

A repetition is a training from one seed. Its curve holds, per epoch, test loss and score, seconds spent in training
(scoring excluded) and gradient-equivalents: the work in units of one gradient of one mini-batch, in which a
Gauss-Newton product counts 5/3 (Algorithm 2: one forward pass shared by two backward ones and a tangent). A
contender's first epoch in a process includes its tracing, unless its cost was measured there before.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data_gen.errors import DataError
from data_gen.files import write_json
from data_gen.machine import describe_machine
from data_gen.reading import earlier_results
from training.benchmark.cost import period, seconds_of_iteration
from training.benchmark.problems import Problem
from training.sqgn.optimizer import SQGN
from training.sqgn.partition import Partition

PARTS = ("gradient", "snapshot", "direction", "product")
"""The parts of an iteration whose seconds SQGN logs."""


def gradients_per_iteration(optimizer: keras.optimizers.Optimizer, batches: int) -> float:
    """Gradient-equivalents of one iteration."""
    return optimizer.gradients_per_iteration(batches) if isinstance(optimizer, SQGN) else 1.0


class _Stopwatch(keras.callbacks.Callback):
    """Seconds of each epoch's training, from its first mini-batch to its last."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.last = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(self.last - self.begun)


class Contender:
    """A contender's model and optimizer: traced once, and started anew from each seed."""

    def __init__(self, problem: Problem, name: str) -> None:
        self.problem = problem
        self.name = name
        self.model = problem.build(problem.contenders[name](), 0)
        if isinstance(self.model.optimizer, SQGN):
            self.model.optimizer.batches_per_epoch = len(problem.partition(0))
        self.model.optimizer.build(self.model.trainable_variables)
        values = (np.asarray(v) for v in self.model.optimizer.variables)
        self.initial_state = [value.copy() if np.any(value) else None for value in values]  # None for zeros

    def start(self, seed: int) -> Partition:
        """Give the model the seed's initial weights and the optimizer its initial state; returns the mini-batches."""
        self.model.set_weights(self.problem.build(self.problem.contenders[self.name](), seed).get_weights())
        for variable, value in zip(self.model.optimizer.variables, self.initial_state, strict=True):
            variable.assign(tf.zeros_like(variable) if value is None else value)
        return self.problem.partition(seed)

    @property
    def period(self) -> int:
        """Iterations after which it does the same work again."""
        return period(self.model.optimizer, len(self.problem.partition(0)))

    def seconds(self, iterations: int) -> float:
        """Processor seconds of an iteration from seed 0 on, the mean of so many."""
        return seconds_of_iteration(self.model, self.start(0), iterations)


class _UntilScore(keras.callbacks.Callback):
    """Ends a training after the first epoch that reaches a score."""

    def __init__(self, name: str, enough: float) -> None:
        super().__init__()
        self.name = name
        self.enough = enough

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs and logs[self.name] >= self.enough:
            self.model.stop_training = True


def repeat(contender: Contender, seed: int, epochs: int) -> dict[str, Any]:
    """Train a contender from one seed; returns its curve."""
    problem, model = contender.problem, contender.model
    partition = contender.start(seed)
    validation, callbacks = problem.validation()
    if problem.enough is not None:
        callbacks = [*callbacks, _UntilScore(problem.score, problem.enough)]
    watch = _Stopwatch()
    history = model.fit(
        partition,
        epochs=epochs,
        verbose=0,
        callbacks=[watch, *callbacks],
        **validation,
    ).history
    batches = len(partition)
    work = gradients_per_iteration(model.optimizer, batches)
    return {
        "contender": contender.name,
        "seed": seed,
        "loss": [loss if np.isfinite(loss) else None for loss in history["val_loss"]],
        "score": [score if np.isfinite(score) else None for score in history[problem.score]],
        "seconds": np.cumsum(watch.seconds).tolist(),
        "gradients": (work * batches * np.arange(1, len(watch.seconds) + 1)).tolist(),
        "gradients_per_iteration": work,
        "rollbacks": float(sum(history.get("rollbacks", [0.0]))),
    }


def cost(contenders: Sequence[Contender], rounds: int) -> dict[str, Any]:
    """Seconds of an iteration of each contender, in all and by parts, each of `rounds` epochs.

    The contenders take turns, an epoch each, so that whatever else the machine does slows them alike. An epoch's first
    full gradient counts; tracing, in a first round that is left out, does not.
    """
    partitions = [contender.start(0) for contender in contenders]
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    parts: dict[str, dict[str, list[float]]] = {contender.name: {} for contender in contenders}
    for turn in range(rounds + 1):
        for contender, partition in zip(contenders, partitions, strict=True):
            watch = _Stopwatch()
            logs = contender.model.fit(partition, verbose=0, callbacks=[watch]).history
            if turn:
                seconds[contender.name].append(watch.seconds[0] / len(partition))
                for part in (f"seconds_{part}" for part in PARTS if f"seconds_{part}" in logs):
                    parts[contender.name].setdefault(part, []).append(logs[part][0] / len(partition))
    return {
        contender.name: {
            "seconds_per_iteration": seconds[contender.name],
            "parts": {part: float(np.median(values)) for part, values in parts[contender.name].items()},
        }
        for contender in contenders
    }


def compare(
    problem: Problem,
    seeds: range,
    epochs: int,
    output: Path,
    only: Sequence[str] = (),
    rounds: int = 5,
    progress: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train the contenders (or `only` some) from every seed, in turn, after `rounds` rounds for their cost.

    The file is rewritten after each training, and continued from. A loss that is not finite is null in it. Raises
    DataError for a file of another problem, other epochs or other settings of a contender.
    """
    names = list(only or problem.contenders)
    for name in names:
        problem.check(name)
    results: dict[str, Any] = {
        "problem": problem.name, "epochs": epochs, "contenders": {}, "machine": machine(), "repetitions": [],
    }  # fmt: skip
    if before := earlier_results(output, *results, "cost"):
        if any(before.get(key) != results[key] for key in ("problem", "epochs")) or set(results) - set(before):
            raise DataError(f"{output} holds another comparison: choose another file")
        results = before
    timed = dict.fromkeys([*results.get("cost", {}), *names]) if rounds else names
    for name in timed:
        settings = settings_of(problem.contenders[name]())
        if results["contenders"].setdefault(name, settings) != settings:
            raise DataError(f"{output} holds trainings of {name} with other settings: choose another file")
    output.parent.mkdir(parents=True, exist_ok=True)
    contender = functools.cache(lambda name: Contender(problem, name))
    if rounds and not set(names) <= set(results.get("cost", {})):
        results["machine"] = machine()
        results["cost"] = cost([contender(name) for name in timed], rounds)
        write_json(output, results)
    done = {(row["contender"], row["seed"]) for row in results["repetitions"]}
    for seed in seeds:
        for name in names:
            if (name, seed) in done:
                continue
            row = repeat(contender(name), seed, epochs)
            results["repetitions"].append(row)
            write_json(output, results)
            progress(f"{name}, seed {seed}: loss {row['loss'][-1]}, {problem.score} {row['score'][-1]}")
    return results


def settings_of(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    config = keras.saving.serialize_keras_object(optimizer)["config"]
    return {key: value for key, value in config.items() if key != "name"}


def machine() -> dict[str, Any]:
    """What a time was measured on."""
    described = describe_machine(("tomo", "tensorflow", "keras", "numpy"))
    return {**described, "gpus": len(tf.config.list_physical_devices("GPU"))}


def summary(results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Per contender: mean final loss and score, their spread, and the cost of an iteration beside Adam's.

    The ratio is the median over the rounds of the ratio within a round. NaN for what is not in the results, and for
    the loss of a contender that diverged.
    """
    costs = results.get("cost", {})
    return {
        name: {
            "loss": float(np.mean(_last(group, "loss"))),
            "loss_deviation": float(np.std(_last(group, "loss"))),
            "score": float(np.mean(_last(group, "score"))),
            "milliseconds_per_iteration": 1e3 * float(np.median(_seconds(costs, name))),
            "cost_beside_adam": float(np.median(_seconds(costs, name) / _seconds(costs, "adam"))),
            "gradients_per_iteration": group[0]["gradients_per_iteration"],
            "repetitions": len(group),
        }
        for name, group in _by_contender(results).items()
    }


def failures(results: Mapping[str, Any], enough: float) -> dict[str, dict[str, float]]:
    """Per contender: how many of its trainings diverged (a loss that is not finite) or got stuck below a score."""
    return {
        name: {
            "repetitions": len(group),
            "diverged": sum(None in row["loss"] for row in group),
            "stuck": int(np.sum(~(_last(group, "score") >= enough))),
            "lowest_score": float(np.nanmin(_last(group, "score"))),
            "most_epochs": max(len(row["loss"]) for row in group),
            "rollbacks": sum(row["rollbacks"] for row in group),
        }
        for name, group in _by_contender(results).items()
    }


def _by_contender(results: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in results["repetitions"]:
        rows.setdefault(row["contender"], []).append(row)
    return rows


def _last(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([np.nan if row[name][-1] is None else row[name][-1] for row in rows])


def _seconds(costs: Mapping[str, Any], name: str) -> np.ndarray:
    return np.array(costs[name]["seconds_per_iteration"] if name in costs else [np.nan])
