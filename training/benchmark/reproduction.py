"""The trainings of the paper's section 6, side by side: each from several seeds, one file of results.

Seed after seed, the cheap trainings first, so that a part of the results is of use. A training that is broken off goes
on from a checkpoint in a folder beside the file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.errors import DataError
from data_gen.files import write_json
from data_gen.machine import describe_machine
from data_gen.reading import earlier_results, reading
from data_gen.survey.reader import Survey
from training.benchmark.paper import Experiment, Training
from training.benchmark.side_by_side import Job, alone, side_by_side
from training.benchmark.trainings import time_on_mnist, time_on_survey, train_on_mnist, train_on_survey
from training.recipes import Recipe


def reproduce(
    experiment: Experiment,
    data: dict[str, Any],
    work: Callable[[str, int, int, Path], tuple],
    cost: Callable[[Mapping[str, Training]], tuple],
    names: Sequence[str],
    seeds: int,
    epochs: int,
    output: Path,
    processes: int,
    progress: Callable[[dict[str, Any]], None] = lambda row: None,
    prepare: Callable[[], None] | None = None,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Time and train those of these names, from seeds 0, 1, ..., that `output` has no row of; returns the results.

    `data` says what they are trained on; `work(name, seed, epochs, checkpoint)` returns the function and arguments of a
    `Job` that trains, `cost(trainings)` those of one that measures what their iterations cost, and `check` raises where
    the data cannot be read, if anything is to be done. Raises DataError for an `output` of other data, other epochs or
    other settings, MachineError where another process writes it, else as `side_by_side`.
    """
    with alone(output, "tomo benchmark paper") as folder:
        results = _begun(experiment, data, names, epochs, output)
        jobs = [
            Job({"training": name, "seed": seed}, *work(name, seed, epochs, folder / f"{name}-{seed}.npz"))
            for seed in range(seeds)
            for name in names
        ]
        untimed = [name for name in names if name not in costs(results)]

        def done(row: dict[str, Any]) -> None:
            if "training" in row:
                (folder / f"{row['training']}-{row['seed']}.npz").unlink(missing_ok=True)
            progress(row)

        if untimed or not all(job.is_done(results["rows"]) for job in jobs):
            check()
        write_json(output, results)  # what cannot be written is told now
        if untimed:  # by itself, before anything is trained
            timing = cost({name: experiment.trainings[name] for name in untimed})
            side_by_side([Job({"cost_of": untimed}, *timing)], results, output, 1, progress, prepare)
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
            rows = [row for row in before["rows"] if "cost_of" in row or (row["training"] and row["seed"] >= 0)]
            results = {**before, "trainings": dict(before["trainings"]), "rows": rows}
    for name in names:
        settings = dataclasses.asdict(experiment.trainings[name])
        if results["trainings"].setdefault(name, settings) != settings:
            raise DataError(f"{output} holds trainings of {name} with other settings: choose another file")
    return results


def costs(results: Mapping[str, Any]) -> dict[str, float]:
    """Processor seconds of an iteration of those trainings that have been timed, medians over the rounds."""
    return {
        name: float(np.median(seconds))
        for row in results["rows"]
        if "cost_of" in row
        for name, seconds in row["seconds_per_iteration"].items()
    }


def reproduce_mnist(experiment: Experiment, data: Path, raw_pixels: bool, **options: Any) -> dict[str, Any]:
    """The trainings of section 6.1 on the MNIST files of a folder; options and errors as `reproduce`."""
    from training.benchmark.problems import check_mnist

    def work(name: str, seed: int, epochs: int, checkpoint: Path) -> tuple:
        training = experiment.trainings[name]
        return train_on_mnist, (training, seed, epochs, experiment.iterations, data, raw_pixels, checkpoint)

    def cost(trainings: Mapping[str, Training]) -> tuple:
        return time_on_mnist, (trainings, data, raw_pixels)

    return reproduce(experiment, {"raw_pixels": raw_pixels}, work, cost, check=lambda: check_mnist(data), **options)


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

    def cost(trainings: Mapping[str, Training]) -> tuple:
        return time_on_survey, (trainings, survey, network, recipe.micro_batch)

    return reproduce(experiment, data, work, cost, output=output, **options)


def predictions_file(output: Path, name: str) -> Path:
    """Where the predictions of a training from seed 0 are kept: an archive of `index`, `reference` and `prediction`."""
    return output.with_name(f"{output.stem}-{name}.npz")


def _machine() -> dict[str, Any]:
    return describe_machine(("tomo", "tensorflow", "keras", "numpy"))
