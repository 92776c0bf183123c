"""Imaging networks side by side: several trainings from several seeds, scored on the same test models.

Trainings are runs like any other, in a folder each, and continued where they were interrupted; the result file is
rewritten after each.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data_gen.errors import DataError
from data_gen.files import write_json
from data_gen.reading import earlier_results, reading
from data_gen.survey.reader import Survey
from training.benchmark.comparison import machine
from training.evaluation.evaluate import evaluate, untouched
from training.evaluation.scores import Scores
from training.fit import train
from training.runs import begin_run
from training.samples import mean_velocity
from training.settings import Settings
from training.trained import open_trained

SCORES = tuple(field.name for field in dataclasses.fields(Scores))


def compare_imaging(
    survey: Survey,
    test_surveys: Sequence[Survey],
    contenders: Mapping[str, Settings],
    seeds: Sequence[int],
    folder: Path,
    output: Path,
    progress: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train every contender from every seed on a survey and score it on test models of it and of others.

    A row's `processor_seconds`, of all threads, are of the whole training, tracing and scores of each epoch among them;
    None where it had begun before.

    `folder` keeps the runs. Two processes may share folder and file, with contenders of their own. Models that were
    trained on are never scored: other surveys must be of other models.
    Raises DataError for a result file of something else, or a test survey with training models in it.
    """
    results: dict[str, Any] = {
        "survey": survey.name,
        "surveys": {each.name: each.identity() for each in (survey, *test_surveys)},
        "training_models": len(survey.train),
        "contenders": {name: dataclasses.asdict(settings) for name, settings in contenders.items()},
        "rows": [],
    }
    if len({each.identity() for each in test_surveys}) != len({each.name for each in test_surveys}):
        raise DataError("two surveys have the same name: the results could not tell them apart")
    if before := earlier_results(output, *results):
        with reading(output):
            for what in ("surveys", "contenders"):
                known = dict(before[what])
                if any(known.get(name, value) != value for name, value in results[what].items()):
                    raise DataError(f"{output} holds another comparison: choose another file")
                results[what] = {**known, **results[what]}
            results["rows"] = list(before["rows"])
    done = {(row["contender"], row["seed"], row["test_survey"]) for row in results["rows"]}
    for seed in seeds:
        for name, settings in contenders.items():
            if all((name, seed, test.name) in done for test in test_surveys):
                continue
            run = begin_run(folder / f"{name}-{seed}", dataclasses.replace(settings, seed=seed), survey)
            whole = not run.finished and not run.checkpoint_file.exists()
            begun = time.process_time()
            if not run.finished:
                train(run, survey)
            processor_seconds = time.process_time() - begun if whole else None
            keras.utils.clear_session()  # a training leaves half a gigabyte behind
            opened = open_trained(run.folder)
            for test in test_surveys:
                if (name, seed, test.name) in done:
                    continue
                if len(untouched(test, [opened])) < len(test.test):
                    raise DataError(f"{test.name} holds models of the training set: it cannot be tested on")
                mean = mean_velocity(survey, survey.train)
                means = evaluate([opened], mean, test, test.test).means()[opened.name]
                row = {
                    "contender": name,
                    "seed": seed,
                    "test_survey": test.name,
                    "training_seconds": opened.history()["seconds"][-1],
                    "processor_seconds": processor_seconds,
                    "machine": machine(),
                    **{score: None if np.isnan(means[score]) else means[score] for score in SCORES},
                }
                there = earlier_results(output, *results)
                results["contenders"] |= there.get("contenders", {})
                results["rows"] = [*there.get("rows", []), row]
                write_json(output, results)
                progress(
                    f"{name}, seed {seed}, {test.name}: RMSE {row['rmse']:.0f} m/s, SSIM {row['ssim']:.3f}, "
                    f"salt IoU {row['salt_iou']:.2f}"
                )
    return results


def summary(results: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, tuple[float, float]]]:
    """By test survey and contender: mean and standard deviation over the seeds of each score, and of the seconds."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in results["rows"]:
        groups.setdefault((row["test_survey"], row["contender"]), []).append(row)
    names = (*SCORES, "training_seconds", "processor_seconds")
    return {
        key: {name: _spread([row.get(name) for row in rows]) for name in names} | {"seeds": (len(rows), 0.0)}
        for key, rows in groups.items()
    }


def _spread(values: Sequence[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return (float(np.mean(known)), float(np.std(known))) if known else (float("nan"), float("nan"))
