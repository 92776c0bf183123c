"""What became of a race: each contender's best setting, its loss on the way and at the end, and what tuning gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.benchmark.rivals.race import best, final, measured, raced, rows_of, trials

NEAR = 1.02
"""A trial is as good as the best one when its loss is within 2 % of it."""

Spread = tuple[float, float]
"""Mean and standard deviation over the seeds, of a sample."""


@dataclass(frozen=True)
class Outcome:
    """One contender: its setting, its cost, its test loss at a quarter and half of the time and at the end, its score.

    `milliseconds` are of an iteration. `edge` is `<` or `>` where the rate was the lowest or highest tried, else empty.
    `first_trial` is the loss in tuning with the middle rate and the small mini-batch, `best_trial` the lowest
    one, and `trials` how many of the first trials it takes until one is within `NEAR` of it. `diverged` counts seeds; a
    mean over seeds of which one diverged is infinite.
    """

    batch_size: int
    rate: float
    edge: str
    milliseconds: float
    quarter: Spread
    half: Spread
    end: Spread
    score: Spread
    first_trial: float
    best_trial: float
    trials: int
    diverged: int


def outcome(results: Mapping[str, Any]) -> dict[str, Outcome]:
    """By contender, of those whose best setting has been trained from a seed."""
    return {name: _outcome(results, name) for name in results["contenders"] if _is_raced(results, name)}


def _is_raced(results: Mapping[str, Any], name: str) -> bool:
    return bool(trials(results, "race", name) and raced(results, name))


def _outcome(results: Mapping[str, Any], name: str) -> Outcome:
    rows = rows_of(results, "tuning", name)
    rows.sort(key=lambda row: ("rate" in row, row["batch_size"]))  # the grid, in its order, before what lies beyond
    tuned = [trial for row in rows for trial in row["trials"]]
    seeds = raced(results, name)
    size, rate = best(results, name)
    rates = sorted({trial["rate"] for trial in tuned if trial["batch_size"] == size})
    losses = [final(trial) for trial in tuned]
    return Outcome(
        batch_size=size,
        rate=rate,
        edge="<" if rate == rates[0] else ">" if rate == rates[-1] else "",
        milliseconds=1e3 * measured(results)[name, size],
        quarter=_spread([at(trial, 0.25) for trial in seeds]),
        half=_spread([at(trial, 0.5) for trial in seeds]),
        end=_spread([final(trial) for trial in seeds]),
        score=_spread([np.nan if trial["score"][-1] is None else trial["score"][-1] for trial in seeds]),
        first_trial=losses[0],
        best_trial=min(losses),
        trials=1 + next(number for number, loss in enumerate(losses) if loss <= NEAR * min(losses)),
        diverged=sum(not np.isfinite(final(trial)) for trial in seeds),
    )


def at(trial: Mapping[str, Any], share: float) -> float:
    """The test loss when a share of the iterations is done; infinity after it diverged."""
    number = int(np.searchsorted(trial["at"], round(share * trial["iterations"])))
    if number >= len(trial["at"]) or trial["loss"][number] is None:
        return float("inf")
    return trial["loss"][number]


def curves(results: Mapping[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By contender: processor seconds of its iterations (point,), and test losses (seed, point).

    A training that diverged is NaN from there on.
    """
    found = {}
    for name in results["contenders"]:
        if _is_raced(results, name):
            seeds = raced(results, name)
            longest = max(seeds, key=lambda trial: len(trial["at"]))
            points = len(longest["at"])
            losses = np.full((len(seeds), points), np.nan)
            for row, trial in zip(losses, seeds, strict=True):
                row[: len(trial["loss"])] = np.array(trial["loss"], float)
            cost = measured(results)[name, longest["batch_size"]]
            found[name] = (cost * np.array(longest["at"]), losses)
    return found


def _spread(values: list[float]) -> Spread:
    deviation = np.std(values, ddof=min(1, len(values) - 1)) if np.isfinite(values).all() else np.nan
    return float(np.mean(values)), float(deviation)
