"""Optimizers side by side on one problem: the same network, mini-batches and `fit`, one result file.

A repetition is a training from one seed. Its curve holds, per epoch, test loss and score, seconds spent in training
(scoring excluded) and gradient-equivalents: the work in units of one gradient of one mini-batch, in which a
Gauss-Newton product counts 5/3 (Algorithm 2: one forward pass shared by two backward ones and a tangent).
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.problems import Problem
from training.runs import RunError, write_whole
from training.sqgn import SQGN

PRODUCT = 5.0 / 3.0


def gradients_per_iteration(optimizer: keras.optimizers.Optimizer, batches: int) -> float:
    """Gradient-equivalents of one iteration."""
    if not isinstance(optimizer, SQGN):
        return 1.0
    kind = optimizer.variance_reduction
    interval = optimizer.full_gradient_interval or batches
    second = 1.0 if kind in ("svrg", "storm") else 0.0
    full = batches / interval if kind in ("svrg", "cached") else 0.0
    return 1.0 + second + full + PRODUCT * optimizer.curvature_fraction / optimizer.curvature_interval


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


def repeat(problem: Problem, contender: str, seed: int, epochs: int, verbose: int = 0) -> dict[str, Any]:
    """Train one contender from one seed; returns its curve."""
    optimizer = problem.contenders[contender]()
    model = problem.build(optimizer, seed)
    partition = problem.partition(seed)
    validation, callbacks = problem.validation()
    watch = _Stopwatch()
    history = model.fit(
        partition.dataset(model.optimizer),
        epochs=epochs,
        shuffle=False,
        verbose=verbose,
        callbacks=[watch, *callbacks],
        **validation,
    ).history
    batches = len(partition)
    work = gradients_per_iteration(model.optimizer, batches)
    return {
        "contender": contender,
        "seed": seed,
        "loss": [loss if np.isfinite(loss) else None for loss in history["val_loss"]],
        "score": [score if np.isfinite(score) else None for score in history[problem.score]],
        "seconds": np.cumsum(watch.seconds).tolist(),
        "gradients": (work * batches * np.arange(1, epochs + 1)).tolist(),
        "gradients_per_iteration": work,
        "rollbacks": float(sum(history.get("rollbacks", [0.0]))),
    }


def cost(problem: Problem, rounds: int, names: Sequence[str]) -> dict[str, Any]:
    """Seconds of an iteration of each contender, in all and by parts, each of `rounds` epochs.

    The contenders take turns, an epoch each, so that whatever else the machine does slows them alike. An epoch's first
    full gradient counts; tracing, in a first round that is left out, does not.
    """
    trainings = {}
    for name in names:
        model = problem.build(problem.contenders[name](), 0)
        partition = problem.partition(0)
        trainings[name] = model, partition.dataset(model.optimizer), len(partition)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    parts: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    for turn in range(rounds + 1):
        for name, (model, batches, count) in trainings.items():
            watch = _Stopwatch()
            logs = model.fit(batches, shuffle=False, verbose=0, callbacks=[watch]).history
            if turn:
                seconds[name].append(watch.seconds[0] / count)
                for part in (key for key in logs if key.startswith("seconds_")):
                    parts[name].setdefault(part, []).append(logs[part][0] / count)
    return {
        name: {
            "seconds_per_iteration": seconds[name],
            "parts": {part: float(np.median(values)) for part, values in parts[name].items()},
        }
        for name in names
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

    The file is rewritten after each training, and continued from. A loss that is not finite is null in it.
    """
    names = list(only or problem.contenders)
    for name in names:
        if name not in problem.contenders:
            raise RunError(f"unknown contender {name!r}: choose from {', '.join(problem.contenders)}")
    results: dict[str, Any] = {"problem": problem.name, "epochs": epochs, "machine": machine(), "repetitions": []}
    if output.exists():
        before = json.loads(output.read_text())
        if before.get("problem") != problem.name or before.get("epochs") != epochs:
            raise RunError(f"{output} holds another comparison: choose another file")
        results = before
    output.parent.mkdir(parents=True, exist_ok=True)
    if rounds and not set(names) <= set(results.get("cost", {})):
        results["cost"] = cost(problem, rounds, list(dict.fromkeys([*results.get("cost", {}), *names])))
        write_whole(output, json.dumps(results, indent=1) + "\n")
    done = {(row["contender"], row["seed"]) for row in results["repetitions"]}
    for seed in seeds:
        for name in names:
            if (name, seed) in done:
                continue
            keras.backend.clear_session()
            row = repeat(problem, name, seed, epochs)
            results["repetitions"].append(row)
            write_whole(output, json.dumps(results, indent=1) + "\n")
            progress(f"{name}, seed {seed}: loss {row['loss'][-1]}, {problem.score} {row['score'][-1]}")
    return results


def machine() -> dict[str, str | int]:
    """What a time was measured on."""
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    return {
        "processor": name,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "gpus": len(tf.config.list_physical_devices("GPU")),
    }


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


def failures(results: Mapping[str, Any], chance: float) -> dict[str, dict[str, float]]:
    """Per contender: how many of its trainings diverged (a loss that is not finite) or got stuck.

    Stuck is what ends with a score below half way from `chance` to 1.
    """
    return {
        name: {
            "repetitions": len(group),
            "diverged": sum(None in row["loss"] for row in group),
            "stuck": int(np.sum(~(_last(group, "score") >= 0.5 * (1.0 + chance)))),
            "lowest_score": float(np.nanmin(_last(group, "score"))),
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
