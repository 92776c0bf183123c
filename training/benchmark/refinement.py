"""Refinement where it is hard: noise, a wavelet that is not known, another discretization, and other first models.

Gathers are simulated anew for each condition, from the test models of a survey, and never with what the inversion would
assume alone: noise is added, the wavelet is turned, or the waves ran on a grid twice as fine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import interp1d

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.files import write_json
from data_gen.grid import Grid
from data_gen.inversion.invert import invert
from data_gen.phase import turn
from data_gen.reading import earlier_results, reading
from data_gen.simulator.acoustic import Simulator
from data_gen.simulator.gradient import ParallelGradient
from data_gen.survey.reader import Survey
from training.benchmark.comparison import machine
from training.evaluation.files import without_nan
from training.evaluation.scores import score
from training.loading import load
from training.samples import mean_velocity

MEAN_MODEL, GRADIENT_MODEL = "mean model", "gradient model"


@dataclass(frozen=True)
class Condition:
    """How gathers are recorded, and what the inversion takes for granted.

    `noise` [dB] is the signal's RMS over the noise's; the wavelet's phase is turned by `phase` [degrees]; `finer` is
    how many times finer the grid of the recording is.
    """

    noise: float
    phase: float = 0.0
    finer: int = 1
    source: str = "amplitude"


CONDITIONS: Mapping[str, Condition] = {
    "20 dB": Condition(20.0),
    "30 dB": Condition(30.0),
    "10 dB": Condition(10.0),
    "20 dB, grid twice as fine": Condition(20.0, finer=2),
    "20 dB, wavelet turned by 60 degrees": Condition(20.0, phase=60.0, source="wavelet"),
}


def record(velocity: np.ndarray, condition: Condition, simulator: Simulator, seed: int) -> np.ndarray:
    """Gathers (source, receiver, time) of a model (depth, x) [m/s] in a condition.

    `simulator` is `simulator_of` the condition; the noise follows from the seed.
    """
    if condition.finer > 1:
        velocity = finer_model(velocity, condition.finer)
    gathers = simulator.gather(velocity).astype(np.float64)
    if condition.phase:
        gathers = turn(gathers, condition.phase)
    noise = np.random.default_rng(seed).normal(size=gathers.shape)
    return gathers + gathers.std() * 10 ** (-condition.noise / 20) * noise


def finer_model(velocity: np.ndarray, factor: int) -> np.ndarray:
    """A model on a grid `factor` times finer over the same extent, interpolated linearly."""
    for axis in (0, 1):
        points = velocity.shape[axis]
        finer = np.arange((points - 1) * factor + 1) / factor
        velocity = interp1d(np.arange(points), velocity, axis=axis)(finer)
    return velocity.astype(np.float32)


def simulator_of(condition: Condition, acquisition: Acquisition) -> Simulator:
    """What records in a condition."""
    grid, factor = acquisition.grid, condition.finer
    rows, columns = ((points - 1) * factor + 1 for points in grid.shape)
    return Simulator(replace(acquisition, grid=Grid(rows, columns, grid.spacing / factor)))


def compare_refinement(
    runs: Sequence[Path],
    survey: Survey,
    models: int,
    output: Path,
    conditions: Mapping[str, Condition] = CONDITIONS,
    progress: Callable[[int], None] = lambda inversions: None,
    baselines: bool = True,
) -> dict[str, Any]:
    """Refine the first test models of a survey from each run's prediction and, as `baselines`, the mean model of its
    training set and a gradient model.

    `output` is rewritten after each model, and continued. `progress` is told of inversions. Raises DataError where
    `output` is of something else.
    """
    results: dict[str, Any] = {"survey": survey.name, "identity": survey.identity(), "machine": machine(), "rows": []}
    if before := earlier_results(output, *results):
        with reading(output):
            if before["identity"] != results["identity"]:
                raise DataError(f"{output} holds another comparison: choose another file")
            results["rows"] = list(before["rows"])
    done = {(row["condition"], row["start"], row["model"]) for row in results["rows"]}
    survey.verify(only=survey.test[:models])
    acquisition = survey.acquisition
    predictors = {path.resolve().name: load(path) for path in runs}
    if len(predictors) < len(runs) or predictors.keys() & {MEAN_MODEL, GRADIENT_MODEL}:
        raise DataError("several runs have the same folder name: the results could not tell them apart")
    fixed = _baselines(survey) if baselines else {}
    gradients = ParallelGradient(acquisition)
    for name, condition in conditions.items():
        simulator = simulator_of(condition, acquisition)
        for index in survey.test[:models]:
            missing = [start for start in (*predictors, *fixed) if (name, start, int(index)) not in done]
            progress(len(predictors) + len(fixed) - len(missing))
            if not missing:
                continue
            true = survey.velocity([index])
            recorded = record(true[0], condition, simulator, seed=int(index))
            for start in missing:
                given = recorded
                if start in fixed:
                    first = fixed[start][None]
                else:
                    first = predictors[start].predict(recorded, acquisition)
                    given = predictors[start].straight(recorded[None], acquisition)[0]
                found = invert(given, first[0], acquisition, gradients, source=condition.source)
                scores = [
                    score(images, true, acquisition.velocity_limits, acquisition.grid.spacing)[0]
                    for images in (first, found.velocity[None])
                ]
                results["rows"].append({
                    "condition": name, "start": start, "model": int(index),
                    "misfit_before": found.start, "misfit": found.misfit, "noise": found.noise,
                    "before": without_nan(dataclasses.asdict(scores[0])),
                    "after": without_nan(dataclasses.asdict(scores[1])),
                })  # fmt: skip
                progress(1)
            write_json(output, results)
    return results


def _baselines(survey: Survey) -> dict[str, np.ndarray]:
    """The mean model (depth, x) [m/s] of a survey's training models, and the straight line through its profile.

    Raises DataError for a survey without training models.
    """
    if not len(survey.train):
        raise DataError(f"{survey.name} has no training models, so no mean model to begin with: give --no-baselines")
    mean, depth = mean_velocity(survey, survey.train), survey.acquisition.grid.depth
    trend = np.polyval(np.polyfit(depth, mean.mean(axis=1), 1), depth)
    return {MEAN_MODEL: mean, GRADIENT_MODEL: np.repeat(trend[:, None], mean.shape[1], axis=1).astype(np.float32)}


def summary(results: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """By condition and start: means of the scores before and after, and how often refinement made a model worse.

    `worse` is the share of models whose RMSE grew; `excess` the median of the misfit over the noise's, `misfit` that of
    the models that became better and of those that became worse: what tells them apart where the truth is not known.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in results["rows"]:
        groups.setdefault((row["condition"], row["start"]), []).append(row)
    return {key: _summarized(rows) for key, rows in groups.items()}


def _summarized(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    worse = np.array([row["after"]["rmse"] > row["before"]["rmse"] for row in rows])
    excess = np.array([row["misfit"] / row["noise"] for row in rows])
    return {
        "models": len(rows),
        **{when: {name: _mean(rows, when, name) for name in rows[0][when]} for when in ("before", "after")},
        "worse": float(worse.mean()),
        "excess": float(np.median(excess)),
        "misfit": {
            which: float(np.median(excess[chosen])) if chosen.any() else None
            for which, chosen in (("better", ~worse), ("worse", worse))
        },
    }


def _mean(rows: Sequence[Mapping[str, Any]], when: str, name: str) -> float | None:
    values = [row[when][name] for row in rows if row[when][name] is not None]
    return float(np.mean(values)) if values else None
