"""The paper's tables with its numbers beside ours, as text in cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.benchmark.paper import Experiment, Row, Table
from training.benchmark.reproduction import costs

NONE = "–"
"""What the paper does not say, or is not done yet."""


@dataclass(frozen=True)
class Summary:
    """Means over a training's repetitions, but those that `diverged` or got `stuck`; if all got stuck, of these.

    `lowest` is the mean of their lowest losses on the way, and `epoch` the median of when that was. Of an iteration,
    `seconds` are those of one thread of the processor, and `gradients` what it costs in gradients of a mini-batch. NaN
    where nothing is left.
    """

    trainings: int
    diverged: int
    stuck: int
    loss: float
    lowest: float
    epoch: float
    score: float
    seconds: float
    gradients: float


def summary(experiment: Experiment, results: Mapping[str, Any], name: str) -> Summary | None:
    """What came of a training's repetitions; None where there is none yet."""
    rows = [row for row in results["rows"] if row.get("training") == name]
    if not rows:
        return None
    finite = [row for row in rows if None not in row["loss"]]
    sound = [row for row in finite if not experiment.got_stuck(row["loss"], row["score"])]
    shown = sound or finite
    return Summary(
        len(rows),
        len(rows) - len(finite),
        len(finite) - len(sound),
        _mean([row["loss"][-1] for row in shown]),
        _mean([min(row["loss"]) for row in shown]),
        float(np.median([1 + int(np.argmin(row["loss"])) for row in shown])) if shown else float("nan"),
        _mean([row["score"][-1] for row in shown]),
        costs(results).get(name, float("nan")),
        rows[0]["gradients_per_iteration"],
    )


def header(experiment: Experiment) -> list[str]:
    """The columns."""
    score, unit = ("accuracy", "ms") if experiment.stuck is not None else ("SSIM", "s")
    return [
        "", "loss, paper", "loss", "lowest, epoch", f"{score}, paper", score, f"{unit}, paper", f"{unit} of CPU",
        "gradients", "trainings",
    ]  # fmt: skip


def cells(experiment: Experiment, table: Table, results: Mapping[str, Any]) -> list[list[str]]:
    """The rows of a table below its header."""
    return [_cells(experiment, row, summary(experiment, results, row.training)) for row in table.rows]


def _cells(experiment: Experiment, row: Row, found: Summary | None) -> list[str]:
    mnist = experiment.stuck is not None
    loss, score = ("{:.3f}", "{:.1%}") if mnist else ("{:.2e}", "{:.3f}")
    time, scale = ("{:.0f}", 1e3) if mnist else ("{:.2f}", 1.0)

    def ours(value: float, form: str) -> str:
        return form.format(value).replace("%", " %").replace("e+0", "e") if np.isfinite(value) else NONE

    def theirs(value: float | None, form: str) -> str:
        return NONE if value is None else ours(value, form)

    paper = (
        theirs(row.loss, "{:.3f}" if mnist else "{:.1e}"),
        theirs(row.score, "{:.1%}" if mnist else "{:.2f}"),
        theirs(None if row.seconds is None else scale * row.seconds, "{:.0f}" if mnist else "{:.1f}"),
    )
    if found is None:
        return [row.title, paper[0], NONE, NONE, paper[1], NONE, paper[2], NONE, NONE, NONE]
    counts = {"diverged": found.diverged, "stuck": found.stuck}
    others = [f"{'all' if count == found.trainings else count} {what}" for what, count in counts.items() if count]
    return [
        row.title,
        paper[0],
        ours(found.loss, loss),
        f"{ours(found.lowest, loss)}, {found.epoch:.0f}" if np.isfinite(found.lowest) else NONE,
        paper[1],
        ours(found.score, score),
        paper[2],
        ours(scale * found.seconds, time),
        f"{found.gradients:.1f}",
        ", ".join([str(found.trainings), *others]),
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
