"""How a network that reads panels takes other lines: the same models, recorded anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.files import write_json
from data_gen.reading import earlier_results
from data_gen.survey.reader import Survey
from training.benchmark.comparison import machine
from training.evaluation.files import without_nan
from training.evaluation.scores import mean_scores, score
from training.loading import load

LINES: Mapping[str, Callable[[Acquisition], Acquisition]] = {
    "as trained": lambda line: line,
    "half the receivers": lambda line: replace(line, receivers=line.receivers // 2),
    "three quarters of the sources": lambda line: replace(line, sources=max(1, round(0.75 * line.sources))),
    "half the receivers, half the sources": lambda line: replace(
        line, receivers=line.receivers // 2, sources=max(1, line.sources // 2)
    ),
    "one source and five receivers more, all at other places": lambda line: replace(
        line, sources=line.sources + 1, receivers=line.receivers + 5
    ),
    "receivers two grid points deeper": lambda line: replace(
        line, receiver_depth=tuple(line.receiver_z + 2 * line.grid.spacing)
    ),
    "twice the samples a second": lambda line: replace(
        line, samples=2 * line.samples - 1, sample_interval=line.sample_interval / 2
    ),
}
"""Line -> what becomes of the acquisition that the network was trained for."""

BLOCK = 16


def compare_lines(
    runs: Sequence[Path], survey: Survey, output: Path, progress: Callable[[int], None] = lambda models: None
) -> dict[str, Any]:
    """Score runs on a survey's test models, recorded on each of `LINES`; returns the results, also in `output`.

    `progress` is told of simulated models. Raises SettingError for a run that reads gathers, DataError
    for an `output` of something else.
    """
    from data_gen.simulator.acoustic import Simulator

    earlier_results(output, "survey", "models", "machine", "lines")
    predictors = {path.resolve().name: load(path) for path in runs}
    for name, predictor in predictors.items():
        if predictor.card.panels is None:
            raise SettingError(f"{name} reads gathers of the line alone that it was trained for")
    velocity = survey.velocity(survey.test)
    results: dict[str, Any] = {"survey": survey.name, "models": len(velocity), "machine": machine(), "lines": {}}
    for name, change in LINES.items():
        line = change(survey.acquisition)
        simulator = Simulator(line)
        images: dict[str, list[np.ndarray]] = {run: [] for run in predictors}
        for start in range(0, len(velocity), BLOCK):
            models = velocity[start : start + BLOCK]
            gathers = np.stack([simulator.gather(model) for model in models])
            for run, predictor in predictors.items():
                images[run].append(predictor.predict(gathers, line))
            progress(len(models))
        scores = {
            run: mean_scores(score(np.concatenate(found), velocity, line.velocity_limits, line.grid.spacing))
            for run, found in images.items()
        }
        results["lines"][name] = {
            "acquisition": line.to_json(),
            "scores": {run: without_nan(dataclasses.asdict(row)) for run, row in scores.items()},
        }
        write_json(output, results)
    return results
