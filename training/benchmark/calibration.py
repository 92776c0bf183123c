"""What the deviations of an ensemble are worth: on models held back, on test models, and on other geology."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.errors import DataError
from data_gen.files import write_json
from data_gen.reading import earlier_results
from data_gen.survey.reader import Survey
from training.benchmark.comparison import machine
from training.ensemble import by_deviation, covered, load_ensemble
from training.evaluation.evaluate import untouched
from training.evaluation.files import without_nan
from training.evaluation.scores import mean_scores, score
from training.runs import split
from training.trained import open_trained

VALIDATION = "validation"


def measure_calibration(folder: Path, survey: Survey, others: Sequence[Survey], output: Path) -> dict[str, Any]:
    """Errors beside deviations, and scores of the members and of their mean; returns the results, also in `output`.

    `folder` is the ensemble's and `survey` what it was trained on; its validation models, which the deviation's factor
    was chosen by, its test models and those of `others` are looked at. Raises DataError for another survey, for one
    with models that were trained on, and where two have the same name.
    """
    ensemble = load_ensemble(folder)
    trained = open_trained(folder)
    if not survey.is_or_was(trained.first.identity):
        raise DataError(f"{folder} was not trained on {survey.name}")
    for other in others:
        if len(untouched(other, [trained])) < len(other.test):
            raise DataError(f"{other.name} holds models of the training set: it cannot be tested on")
    _, validation = split(survey, ensemble.card.settings.validation)
    parts = {VALIDATION: (survey, validation), survey.name: (survey, survey.test)}
    for other in others:
        if other.name in parts:
            raise DataError(f"two surveys are called {other.name}: the results could not tell them apart")
        parts[other.name] = (other, other.test)
    results: dict[str, Any] = {
        "members": len(ensemble.members),
        "factor": ensemble.calibration.factor,
        "machine": machine(),
        "surveys": {},
    }
    earlier_results(output, *results)  # refuses a file of something else
    for name, (each, indices) in parts.items():
        members = [member.predict_models(each, indices) for member in ensemble.members]
        mean, deviation = ensemble.of(np.stack(members))
        who = {"mean": mean, **{f"member-{number}": images for number, images in enumerate(members)}}
        reference = each.velocity(indices)
        said, found = by_deviation(mean - reference, deviation)
        grid, limits = each.acquisition.grid, each.acquisition.velocity_limits
        results["surveys"][name] = {
            "models": len(indices),
            "covered": covered(mean - reference, deviation),
            "deviation": float(deviation.mean()),
            "rmse": float(np.sqrt(np.mean((mean - reference) ** 2))),
            "classes": {"deviation": said.tolist(), "error": found.tolist()},
            "scores": {
                one: without_nan(dataclasses.asdict(mean_scores(score(images, reference, limits, grid.spacing))))
                for one, images in who.items()
            },
        }
        write_json(output, results)
    return results
