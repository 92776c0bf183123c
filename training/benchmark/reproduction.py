"""The trainings of the paper's section 6, side by side: each from several seeds, one file of results.

Seed after seed, the cheap trainings first, so that a part of the results is of use. A training that is broken off goes
on from a checkpoint in a folder beside the file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.errors import DataError
from data_gen.files import whole_file, write_json
from data_gen.machine import describe_machine
from data_gen.reading import earlier_results, reading
from data_gen.salt import is_salt
from data_gen.survey.reader import Survey
from training.benchmark.paper import Experiment, Training
from training.benchmark.side_by_side import Job, alone, side_by_side
from training.recipes import Recipe

SHOWN = 5
"""Test models whose predictions are kept."""


def reproduce(
    experiment: Experiment,
    data: dict[str, Any],
    work: Callable[[str, int, int, Path], tuple],
    names: Sequence[str],
    seeds: int,
    epochs: int,
    output: Path,
    processes: int,
    progress: Callable[[dict[str, Any]], None] = lambda row: None,
    prepare: Callable[[], None] | None = None,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train those of these names from seeds 0, 1, ... that `output` has no row of; returns the results.

    `data` says what they are trained on; `work(name, seed, epochs, checkpoint)` returns the function and arguments of a
    `Job`, and `check` raises where the data cannot be read, if anything is to be trained. Raises DataError for an
    `output` of other data, other epochs or other settings, MachineError where another process writes it, else as
    `side_by_side`.
    """
    with alone(output, "tomo benchmark paper") as folder:
        results = _begun(experiment, data, names, epochs, output)
        jobs = [
            Job({"training": name, "seed": seed}, *work(name, seed, epochs, folder / f"{name}-{seed}.npz"))
            for seed in range(seeds)
            for name in names
        ]

        def done(row: dict[str, Any]) -> None:
            (folder / f"{row['training']}-{row['seed']}.npz").unlink(missing_ok=True)
            progress(row)

        if not all(job.is_done(results["rows"]) for job in jobs):
            check()
        write_json(output, results)  # what cannot be written is told now
        return side_by_side(jobs, results, output, processes, done, prepare)


def _begun(
    experiment: Experiment, data: dict[str, Any], names: Sequence[str], epochs: int, output: Path
) -> dict[str, Any]:
    """The results that are there, or none yet; raises DataError as `reproduce`."""
    results: dict[str, Any] = {
        "problem": experiment.name, "data": data, "epochs": epochs, "trainings": {}, "machine": _machine(), "rows": [],
    }  # fmt: skip
    if (before := earlier_results(output, *results)).get("rows"):
        with reading(output):
            if any(before[name] != results[name] for name in ("problem", "data", "epochs")):
                raise DataError(f"{output} holds trainings on other data or of other epochs: choose another file")
            rows = [row for row in before["rows"] if row["training"] and row["seed"] >= 0]
            results = {**before, "trainings": dict(before["trainings"]), "rows": rows}
    for name in names:
        settings = dataclasses.asdict(experiment.trainings[name])
        if results["trainings"].setdefault(name, settings) != settings:
            raise DataError(f"{output} holds trainings of {name} with other settings: choose another file")
    return results


def reproduce_mnist(experiment: Experiment, data: Path, raw_pixels: bool, **options: Any) -> dict[str, Any]:
    """The trainings of section 6.1 on the MNIST files of a folder; options and errors as `reproduce`."""
    from training.benchmark.problems import check_mnist

    def work(name: str, seed: int, epochs: int, checkpoint: Path) -> tuple:
        training = experiment.trainings[name]
        return train_on_mnist, (training, seed, epochs, experiment.iterations, data, raw_pixels, checkpoint)

    return reproduce(experiment, {"raw_pixels": raw_pixels}, work, check=lambda: check_mnist(data), **options)


def reproduce_tomography(
    experiment: Experiment, survey: Path, network: str, recipe: Recipe, output: Path, **options: Any
) -> dict[str, Any]:
    """The trainings of section 6.2 on a survey, with a network and the micro-batches of its recipe.

    Predictions of some test models are kept beside `output`, from seed 0 of each training (see `predictions_file`).
    Options and errors as `reproduce`.
    """
    opened = Survey.open(survey)
    data = {"survey": opened.name, "identity": opened.identity(), "network": network}

    def work(name: str, seed: int, epochs: int, checkpoint: Path) -> tuple:
        predictions = None if seed else predictions_file(output, name)
        sizes = experiment.iterations, survey, network, recipe.micro_batch
        return train_on_survey, (experiment.trainings[name], seed, epochs, *sizes, checkpoint, predictions)

    return reproduce(experiment, data, work, output=output, **options)


def predictions_file(output: Path, name: str) -> Path:
    """Where the predictions of a training from seed 0 are kept: an archive of `index`, `reference` and `prediction`."""
    return output.with_name(f"{output.stem}-{name}.npz")


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


def _machine() -> dict[str, Any]:
    return describe_machine(("tomo", "tensorflow", "keras", "numpy"))
