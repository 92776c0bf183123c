"""The race: what an iteration costs, tuning on a seed and samples of its own, the best setting from several seeds.

Every training has the same processor seconds of one thread: its iterations are the budget over the measured seconds of
an iteration of that contender with mini-batches of that size, so that its rate has fallen to zero when the time is
over. Where they are trained does not matter: on a graphics card, if there is one. All are rows of one file, and an
interrupted race goes on from it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data_gen.errors import DataError, SettingError
from data_gen.files import write_json
from data_gen.reading import earlier_results
from data_gen.survey.reader import Survey
from training.benchmark.comparison import machine, settings_of
from training.benchmark.cost import without_card
from training.benchmark.rivals.tasks import Task, next_rate, task_named
from training.benchmark.rivals.training import Trainee, costs
from training.benchmark.side_by_side import Job, alone, side_by_side
from training.sqgn.falling import FallingRate

TUNING_SEED = 100
BEYOND = 3
"""The most rates that are tried beyond the grid, as long as the outermost is the best."""

Trial = dict[str, Any]


def race(
    task: str,
    data: Path | None,
    network: str,
    seconds: float,
    seeds: int,
    output: Path,
    only: Sequence[str] = (),
    processes: int = 1,
    progress: Callable[[str], None] = print,
    prepare: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Measure, tune and train the contenders of a task, or `only` some; returns the results, also in `output`.

    Raises SettingError for an unknown task or contender, DataError for a file of another race.
    """
    chosen = task_named(task, data, network)
    names = list(only or chosen.rates)
    for name in names:
        if name not in chosen.rates:
            raise SettingError(f"unknown contender {name!r}: choose from {', '.join(chosen.rates)}")
    with alone(output, "tomo benchmark rivals"):
        results = _begun(chosen, names, {"task": task, "seconds": seconds, "data": _identity(data, network)}, output)

        def do(jobs: Sequence[Job]) -> None:
            side_by_side(jobs, results, output, processes, lambda row: progress(_said(row)), prepare)

        where = (task, data, network)
        known = dict.fromkeys(name for name, _ in measured(results))
        if missing := [name for name in names if name not in known]:
            of = [*list(known)[:1], *missing]
            do([Job({"stage": "cost", "of": of}, measure, (*where, of))])
        iterations = {key: max(1, round(seconds / cost)) for key, cost in measured(results).items()}
        do([
            Job(
                {"stage": "tuning", "contender": name, "batch_size": size},
                train,
                (*where, name, size, [(TUNING_SEED, rate) for rate in chosen.grid(name)], iterations[name, size], True),
            )
            for size in chosen.batch_sizes
            for name in names
        ])  # fmt: skip
        while further := [(name, *setting) for name in names for setting in beyond(results, name)]:
            do([
                Job(
                    {"stage": "tuning", "contender": name, "batch_size": size, "rate": rate},
                    train,
                    (*where, name, size, [(TUNING_SEED, rate)], iterations[name, size], True),
                )
                for name, size, rate in further
            ])  # fmt: skip
        settings = {name: best(results, name) for name in names}
        do([
            Job(
                {"stage": "race", "contender": name, "seed": seed, "batch_size": size, "rate": rate},
                train,
                (*where, name, size, [(seed, rate)], iterations[name, size]),
            )
            for seed in range(seeds)
            for name, (size, rate) in settings.items()
        ])  # fmt: skip
        write_json(output, results)
    return results


def _begun(chosen: Task, names: Sequence[str], what: dict[str, Any], output: Path) -> dict[str, Any]:
    """The results that are there, or none yet; raises DataError as `race`."""
    results: dict[str, Any] = {**what, "contenders": {}, "machine": machine(), "rows": []}
    if before := earlier_results(output, *results):
        if any(before.get(key) != value for key, value in what.items()) or set(results) - set(before):
            raise DataError(f"{output} holds another race: choose another file")
        results = before
    for row in results["rows"]:  # of a race they did not name their setting once
        if row["stage"] == "race":
            row.update({key: row["trials"][0][key] for key in ("batch_size", "rate")})
    for name, size in measured(results):
        tuned = rows_of(results, "tuning", name)
        grids = [sorted(trial["rate"] for trial in row["trials"]) for row in tuned if "rate" not in row]
        if size not in chosen.batch_sizes or any(grid != sorted(chosen.grid(name)) for grid in grids):
            raise DataError(f"{output} holds trainings of {name} tuned otherwise: choose another file")
    for name in names:
        settings = _settings_of(chosen.contenders()[name], chosen.decay)
        if results["contenders"].setdefault(name, settings) != settings:
            raise DataError(f"{output} holds trainings of {name} with other settings: choose another file")
    return results


def _identity(data: Path | None, network: str) -> dict[str, str]:
    """What a race is trained on, where that is a survey."""
    if data is None or not (data / "survey.h5").exists():
        return {}
    survey = Survey.open(data)
    return {"survey": survey.name, "identity": survey.identity(), "network": network}


def measure(task: str, data: Path | None, network: str, names: Sequence[str]) -> dict[str, Any]:
    """What an iteration of each contender costs on the processor with each size of mini-batch, all in turn."""
    without_card()
    chosen = task_named(task, data, network)
    chosen = replace(chosen, problem=functools.cache(chosen.problem))  # all of them share its samples in memory
    trainees = [Trainee(chosen, name, size) for size in chosen.batch_sizes for name in names]
    return {"costs": costs(trainees)}


def train(
    task: str,
    data: Path | None,
    network: str,
    name: str,
    batch_size: int,
    trials: Sequence[tuple[int, float]],
    iterations: int,
    validation: bool = False,
) -> dict[str, Any]:
    """Train a contender from these seeds at these rates; `validation` as in `mnist_problem`."""
    trainee = Trainee(task_named(task, data, network), name, batch_size, validation)
    return {"trials": [trainee.train(seed, rate, iterations) for seed, rate in trials]}


def measured(results: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    """Processor seconds of an iteration by contender and size of mini-batch: medians over the rounds.

    Contenders that came later were measured beside one that was there, whose seconds then and now tell how the machine
    has changed in between.
    """
    found: dict[tuple[str, int], float] = {}
    for row in results["rows"]:
        if row["stage"] == "cost":
            now = {
                (each["contender"], each["batch_size"]): float(np.median(each["seconds_per_iteration"]))
                for each in row["costs"]
            }
            drift = float(np.median([found[key] / now[key] for key in now if key in found] or [1.0]))
            found = {**{key: drift * cost for key, cost in now.items()}, **found}
    return found


def rows_of(results: Mapping[str, Any], stage: str, contender: str) -> list[dict[str, Any]]:
    """The rows of a contender, from tuning (`tuning`) or from the seeds (`race`); each holds some trainings."""
    return [row for row in results["rows"] if row["stage"] == stage and row["contender"] == contender]


def trials(results: Mapping[str, Any], stage: str, contender: str) -> list[Trial]:
    """The trainings of a contender, in tuning (`tuning`) or from the seeds (`race`)."""
    return [trial for row in rows_of(results, stage, contender) for trial in row["trials"]]


def raced(results: Mapping[str, Any], contender: str) -> list[Trial]:
    """The trainings of a contender from the seeds, with its best setting."""
    setting = best(results, contender)
    return [trial for trial in trials(results, "race", contender) if (trial["batch_size"], trial["rate"]) == setting]


def best(results: Mapping[str, Any], contender: str) -> tuple[int, float]:
    """Size of mini-batch and rate with the lowest final loss in tuning."""
    found = min(trials(results, "tuning", contender), key=final)
    return found["batch_size"], found["rate"]


def beyond(results: Mapping[str, Any], contender: str) -> list[tuple[int, float]]:
    """The setting that follows the best one, where that has the lowest or highest rate of those tried; or none.

    None either when `BEYOND` have been tried: they are rows of their own, which name their rate.
    """
    if sum("rate" in row for row in rows_of(results, "tuning", contender)) >= BEYOND:
        return []
    size, rate = best(results, contender)
    rates = [trial["rate"] for trial in trials(results, "tuning", contender) if trial["batch_size"] == size]
    if min(rates) < rate < max(rates):
        return []
    return [(size, next_rate(rate, 1 if rate == max(rates) else -1))]


def final(trial: Mapping[str, Any]) -> float:
    """The loss at the end; infinity where the training diverged."""
    return float("inf") if trial["loss"][-1] is None else trial["loss"][-1]


def _settings_of(make: Callable[..., keras.optimizers.Optimizer], decay: float) -> dict[str, Any]:
    return {name: value for name, value in settings_of(make(FallingRate(), decay)).items() if name != "learning_rate"}


def _said(row: Mapping[str, Any]) -> str:
    if row["stage"] == "cost":
        cost = {
            (each["contender"], each["batch_size"]): np.median(each["seconds_per_iteration"]) for each in row["costs"]
        }
        return ", ".join(f"{name} {size}: {1e3 * value:.1f} ms" for (name, size), value in cost.items())
    said = (f"rate {trial['rate']:g}, seed {trial['seed']}: {final(trial):.4g}" for trial in row["trials"])
    return f"{row['stage']}, {row['contender']}, mini-batches of {row['trials'][0]['batch_size']}: {'; '.join(said)}"
