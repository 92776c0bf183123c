"""Optimizers side by side on one problem: the same network, mini-batches and `fit`, one result file.

A repetition is a training from one seed. Its curve holds, per epoch, test loss and score, seconds spent in training
(scoring excluded) and gradient-equivalents: the work in units of one gradient of one mini-batch, in which a
Gauss-Newton product counts 5/3 (Algorithm 2: one forward pass shared by two backward ones and a tangent).
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data_gen.survey import Survey
from models.mnist import mnist_network
from training.fit import TestScores, make_model
from training.pipeline import training_partition
from training.runs import RunError, Settings, write_whole
from training.second_order import SecondOrderModel
from training.sqgn import SQGN
from training.variance_reduction import Partition

PRODUCT = 5.0 / 3.0


@dataclass(frozen=True)
class Problem:
    """A training problem.

    `build(optimizer, seed)` returns a compiled model, `partition(seed)` its mini-batches and `validation` the keyword
    arguments and callbacks that put `val_loss` and `score` into the logs. `contenders` are optimizers by name.
    """

    name: str
    build: Callable[[keras.optimizers.Optimizer, int], keras.Model]
    partition: Callable[[int], Partition]
    validation: Callable[[], tuple[dict[str, Any], list[keras.callbacks.Callback]]]
    score: str
    contenders: Mapping[str, Callable[[], keras.optimizers.Optimizer]]


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes from an IDX file (LeCun et al.), gzipped or not.

    Raises RunError where there is no such file, or one that is not IDX.
    """
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.exists():
            content = candidate.read_bytes()
            break
    else:
        raise RunError(f"{path} does not exist, gzipped or not: --data is the folder of the four MNIST files")
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    rank = content[3] if len(content) > 4 and content[:3] == b"\0\0\x08" else 0
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    if not rank or len(content) != 4 + 4 * rank + int(np.prod(shape)):
        raise RunError(f"{path} is not an IDX file of bytes")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def mnist_problem(data: Path, batch_size: int = 1000, raw_pixels: bool = False) -> Problem:
    """The paper's section 6.1 on the real images; pixels in [0, 1], or 0 to 255 as the authors' code feeds them."""

    def images(name: str) -> np.ndarray:
        return read_idx(data / f"{name}-images-idx3-ubyte")[..., None].astype(np.float32) / (1 if raw_pixels else 255)

    def labels(name: str) -> np.ndarray:
        return read_idx(data / f"{name}-labels-idx1-ubyte").astype(np.int64)

    train, test = ((images(name), labels(name)) for name in ("train", "t10k"))

    def build(optimizer: keras.optimizers.Optimizer, seed: int) -> keras.Model:
        model = mnist_network(SecondOrderModel, seed)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=False)
        return model

    return Problem(
        "mnist",
        build,
        lambda seed: Partition.of_arrays(*train, batch_size, seed),
        lambda: ({"validation_data": test, "validation_batch_size": 5000}, []),
        "val_accuracy",
        {
            "adam": lambda: keras.optimizers.Adam(1e-2),
            "sqgn-reference": lambda: SQGN.reference(full_gradient_interval=10),
            "sqgn": SQGN,
        },
    )


def tomography_problem(survey: Survey, architecture: str, batch_size: int) -> Problem:
    """The paper's section 6.2 on a survey."""

    def build(optimizer: keras.optimizers.Optimizer, seed: int) -> keras.Model:
        return make_model(Settings("sqgn", architecture, 1, batch_size, seed=seed), survey, optimizer)

    return Problem(
        "tomography",
        build,
        lambda seed: training_partition(survey, batch_size, seed),
        lambda: ({}, [TestScores(survey)]),
        "val_ssim",
        {
            "adam": lambda: keras.optimizers.Adam(1e-3),
            "sqgn-reference": SQGN.reference,
            "sqgn": SQGN,
        },
    )


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
    """Train one contender from one seed; returns its curve and the parts of its iterations' cost."""
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
    # The first epoch traces and compiles; its time is not an iteration's.
    per_iteration = float(np.median(watch.seconds[1:] or watch.seconds)) / batches
    parts = {
        name: float(np.median(values[1:] or values)) / batches
        for name, values in history.items()
        if name.startswith("seconds_")
    }
    return {
        "contender": contender,
        "seed": seed,
        "loss": history["val_loss"],
        "score": history[problem.score],
        "seconds": np.cumsum(watch.seconds).tolist(),
        "gradients": (work * batches * np.arange(1, epochs + 1)).tolist(),
        "gradients_per_iteration": work,
        "seconds_per_iteration": per_iteration,
        "parts": parts,
        "rollbacks": float(sum(history.get("rollbacks", [0.0]))),
    }


def compare(
    problem: Problem,
    seeds: range,
    epochs: int,
    output: Path,
    only: list[str] | None = None,
    progress: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train every contender from every seed, in turn; the file is rewritten after each, and continued from."""
    names = only or list(problem.contenders)
    for name in names:
        if name not in problem.contenders:
            raise RunError(f"unknown contender {name!r}: choose from {', '.join(problem.contenders)}")
    results: dict[str, Any] = {"problem": problem.name, "epochs": epochs, "machine": machine(), "repetitions": []}
    if output.exists():
        before = json.loads(output.read_text())
        if before.get("problem") != problem.name or before.get("epochs") != epochs:
            raise RunError(f"{output} holds another comparison: choose another file")
        results["repetitions"] = before["repetitions"]
    done = {(row["contender"], row["seed"]) for row in results["repetitions"]}
    for seed in seeds:
        for name in names:
            if (name, seed) in done:
                continue
            keras.backend.clear_session()
            row = repeat(problem, name, seed, epochs)
            results["repetitions"].append(row)
            output.parent.mkdir(parents=True, exist_ok=True)
            write_whole(output, json.dumps(results, indent=1) + "\n")
            progress(
                f"{name}, seed {seed}: loss {row['loss'][-1]:.4g}, {problem.score} {row['score'][-1]:.4f}, "
                f"{1e3 * row['seconds_per_iteration']:.1f} ms an iteration"
            )
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
    """Per contender: mean final loss and score, their spread, and cost per iteration beside Adam's of the same run."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in results["repetitions"]:
        rows.setdefault(row["contender"], []).append(row)
    cost = {name: float(np.median([row["seconds_per_iteration"] for row in group])) for name, group in rows.items()}
    return {
        name: {
            "loss": float(np.mean([row["loss"][-1] for row in group])),
            "loss_deviation": float(np.std([row["loss"][-1] for row in group])),
            "score": float(np.mean([row["score"][-1] for row in group])),
            "milliseconds_per_iteration": 1e3 * cost[name],
            "cost_beside_adam": cost[name] / cost["adam"] if "adam" in cost else float("nan"),
            "gradients_per_iteration": group[0]["gradients_per_iteration"],
            "repetitions": len(group),
        }
        for name, group in rows.items()
    }
