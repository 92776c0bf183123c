"""What the processes of `training.benchmark.reproduction` do: one training of the paper's, or the timing of several."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_gen.files import whole_file
from data_gen.salt import is_salt
from data_gen.survey.reader import Survey
from training.benchmark.paper import Training

if TYPE_CHECKING:
    from training.benchmark.problems import Problem

SHOWN = 5
"""Test models whose predictions are kept."""


def train_on_mnist(
    training: Training, seed: int, epochs: int, iterations: int | None, data: Path, raw_pixels: bool, checkpoint: Path
) -> dict[str, Any]:
    """One training on MNIST; returns its curve (see `training.benchmark.curve`)."""
    import tensorflow as tf

    from training.benchmark.curve import follow
    from training.benchmark.problems import mnist_problem

    problem = mnist_problem(data, training.batch_size, raw_pixels)
    images, labels = map(tf.constant, problem.validation()[0]["validation_data"])
    model = problem.build(_optimizer(training), seed)

    @tf.function
    def part(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits, truth = model(images[start : start + 500], training=False), labels[start : start + 500]
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits)
        return tf.reduce_sum(loss), tf.reduce_sum(tf.cast(tf.argmax(logits, -1) == truth, tf.float32))

    def score(_: Any) -> tuple[float, float]:
        sums = [[float(value) for value in part(tf.constant(start))] for start in range(0, len(images), 500)]
        loss, accuracy = np.sum(sums, axis=0) / len(images)
        return loss, accuracy

    identity = {"training": dataclasses.asdict(training), "seed": seed, "raw_pixels": raw_pixels}
    return follow(model, problem.partition(seed), score, epochs, iterations, checkpoint, identity)


def train_on_survey(
    training: Training,
    seed: int,
    epochs: int,
    iterations: int | None,
    survey: Path,
    network: str,
    micro_batch: int | None,
    checkpoint: Path,
    predictions: Path | None,
) -> dict[str, Any]:
    """One training of the paper's network on a survey; returns its curve, with the loss in (m/s)²."""
    from models.units import KILOMETRE
    from training.benchmark.curve import follow
    from training.benchmark.problems import tomography_problem

    opened = Survey.open(survey)
    problem = tomography_problem(opened, network, training.batch_size, micro_batch)
    (scores,) = problem.validation()[1]
    model = problem.build(_optimizer(training), seed)
    scores.set_model(model)

    def score(_: Any) -> tuple[float, float]:
        logs: dict[str, float] = {}
        scores.on_epoch_end(0, logs)
        return logs["val_loss"] * KILOMETRE**2, logs["val_ssim"]

    identity = {"training": dataclasses.asdict(training), "seed": seed, "survey": opened.identity()}
    row = follow(model, problem.partition(seed), score, epochs, iterations, checkpoint, identity)
    if predictions is not None:
        chosen = salt_spread(scores.reference, SHOWN)
        found = model.predict(scores.batches, verbose=0)[chosen]
        arrays = {"index": opened.test[chosen], "reference": scores.reference[chosen], "prediction": found}
        with whole_file(predictions) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
    return row


def time_on_mnist(trainings: Mapping[str, Training], data: Path, raw_pixels: bool) -> dict[str, Any]:
    """Processor seconds of an iteration of each training on MNIST, in every round."""
    from training.benchmark.problems import mnist_problem

    problem = functools.cache(lambda size: mnist_problem(data, size, raw_pixels))  # they share the images
    return _timed(trainings, lambda training: problem(training.batch_size))


def time_on_survey(
    trainings: Mapping[str, Training], survey: Path, network: str, micro_batch: int | None
) -> dict[str, Any]:
    """Processor seconds of an iteration of each training on a survey, in every round."""
    from training.benchmark.problems import tomography_problem

    problem = functools.cache(lambda size: tomography_problem(Survey.open(survey), network, size, micro_batch))
    return _timed(trainings, lambda training: problem(training.batch_size))


def _timed(trainings: Mapping[str, Training], problem: Callable[[Training], Problem]) -> dict[str, Any]:
    from training.benchmark.comparison import Contender, machine
    from training.benchmark.cost import in_turn, without_card

    without_card()
    contenders = []
    for name, training in trainings.items():
        make = functools.partial(_optimizer, training)
        contenders.append(Contender(dataclasses.replace(problem(training), contenders={name: make}), name))
    before = machine()
    seconds = in_turn([each.seconds for each in contenders], [each.period for each in contenders])
    return {"machine": before, "seconds_per_iteration": dict(zip(trainings, seconds, strict=True))}


def salt_spread(velocity: np.ndarray, count: int) -> np.ndarray:
    """Positions of at most `count` models (model, depth, x) [m/s] with salt, evenly spread over the ranks of its area.

    Of all models, where none has salt.
    """
    area = is_salt(velocity).sum(axis=(1, 2))
    order = np.argsort(area, kind="stable")
    order = order[area[order] > 0] if area.any() else order
    ranks = (np.arange(min(count, len(order))) + 0.5) / min(count, len(order)) * len(order)
    return order[ranks.astype(int)]


def _optimizer(training: Training) -> Any:
    from training.optimizers import make_optimizer

    return make_optimizer(training.optimizer, training.rate, **training.options)
