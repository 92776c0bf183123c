"""How scores fall as the data get worse: noise, missing receivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from figures.palette import BASELINE_COLOUR, run_line

NOISE = "signal-to-noise ratio (dB)"
MISSING = "missing receivers (%)"


@dataclass(frozen=True)
class Sweep:
    """One score of several runs against one disturbance.

    `disturbance` is the x axis's label, `NOISE` or `MISSING`, and `levels`, (level,), its values; `score`
    is the y axis's label with its unit; `runs` names each run's values, (level,); `baseline` is the mean
    model's score.
    """

    disturbance: str
    levels: np.ndarray
    score: str
    runs: Mapping[str, np.ndarray]
    baseline: float | None = None


def robustness(sweeps: Sequence[Sweep]) -> Figure:
    """Draw the sweeps in a grid: a row a score, a column a disturbance; data get worse to the right."""
    scores = list(dict.fromkeys(sweep.score for sweep in sweeps))
    disturbances = list(dict.fromkeys(sweep.disturbance for sweep in sweeps))
    figure = Figure(figsize=(4.0 * len(disturbances) + 0.4, 2.6 * len(scores) + 0.5), layout="constrained")
    panels = figure.subplots(len(scores), len(disturbances), sharey="row", sharex="col", squeeze=False)
    for sweep in sweeps:
        axes = panels[scores.index(sweep.score), disturbances.index(sweep.disturbance)]
        for number, (name, values) in enumerate(sweep.runs.items()):
            axes.plot(sweep.levels, values, marker="o", markersize=5, label=name, **run_line(number))
        if sweep.baseline is not None:
            axes.axhline(sweep.baseline, color=BASELINE_COLOUR, linestyle=(0, (1, 1)), label="mean model")
        axes.grid(alpha=0.3)
    for axes, score in zip(panels[:, 0], scores, strict=True):
        axes.set_ylabel(score)
    for axes, disturbance in zip(panels[-1], disturbances, strict=True):
        axes.set_xlabel(disturbance)
        if disturbance == NOISE:
            axes.invert_xaxis()
    panels[0, 0].legend(framealpha=0.9)
    return figure
