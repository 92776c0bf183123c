"""How scores fall as the data get worse: noise, missing receivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from figures.palette import BASELINE_COLOUR, legend_below, run_line


@dataclass(frozen=True)
class Panel:
    """One score of several runs against one disturbance.

    `disturbance` is the x axis's label with its unit and `levels`, (level,), its values, from little disturbed to much;
    `score` is the y axis's label with its unit; `runs` names each run's values, (level,); `baseline` is the mean
    model's score.
    """

    disturbance: str
    levels: np.ndarray
    score: str
    runs: Mapping[str, np.ndarray]
    baseline: float | None = None


def robustness(panels: Sequence[Panel]) -> Figure:
    """Draw the panels in a grid: a row a score, a column a disturbance; data get worse to the right."""
    scores = list(dict.fromkeys(panel.score for panel in panels))
    disturbances = list(dict.fromkeys(panel.disturbance for panel in panels))
    figure = Figure(figsize=(4.0 * len(disturbances) + 0.4, 2.6 * len(scores) + 0.5), layout="constrained")
    grid = figure.subplots(len(scores), len(disturbances), sharey="row", sharex="col", squeeze=False)
    for panel in panels:
        axes = grid[scores.index(panel.score), disturbances.index(panel.disturbance)]
        for number, (name, values) in enumerate(panel.runs.items()):
            axes.plot(panel.levels, values, marker="o", markersize=5, label=name, **run_line(number))
        if panel.baseline is not None:
            axes.axhline(panel.baseline, color=BASELINE_COLOUR, linestyle=(0, (1, 1)), label="mean model")
        margin = 0.05 * (panel.levels[-1] - panel.levels[0])
        axes.set_xlim(panel.levels[0] - margin, panel.levels[-1] + margin)
        axes.grid(alpha=0.3)
    for axes, score in zip(grid[:, 0], scores, strict=True):
        axes.set_ylabel(score)
    for axes, disturbance in zip(grid[-1], disturbances, strict=True):
        axes.set_xlabel(disturbance)
    legend_below(figure, grid[0, 0])
    return figure
