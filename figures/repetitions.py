"""Loss and score of an optimizer's repetitions, over each other, a panel an optimizer (the paper's Figures 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from figures.convergence import Curve
from figures.palette import RUN_COLOURS

LOSS_COLOUR, SCORE_COLOUR = RUN_COLOURS[:2]


def loss_and_score(
    panels: Sequence[Sequence[str | None]],
    curves: Mapping[str, Sequence[Curve]],
    labels: tuple[str, str],
    score_limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw losses (blue, on the left, logarithmic) and scores (red, on the right) of repetitions over the epochs.

    Args:
        panels: rows of panels, each the name of some curves; None leaves a place empty.
        curves: name -> repetitions, whose `x` counts epochs; what is NaN is not drawn.
        labels: of the axes of losses and of scores.
        score_limits: ends of the scores' axis.
    """
    rows, columns = len(panels), max(map(len, panels))
    figure = Figure(figsize=(2.9 * columns + 0.6, 2.1 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    right = []
    for (row, column), axes in np.ndenumerate(grid):
        name = panels[row][column] if column < len(panels[row]) else None
        if name is None:
            axes.axis("off")
            continue
        scores = axes.twinx()
        right.append(scores)
        for curve in curves.get(name, ()):
            axes.plot(curve.x, curve.loss, color=LOSS_COLOUR, linewidth=0.8, alpha=0.8)
            scores.plot(curve.x, curve.score, color=SCORE_COLOUR, linewidth=0.8, alpha=0.8)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(_number))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title(name, fontsize=9)
        axes.grid(alpha=0.3)
        axes.tick_params(axis="y", which="both", colors=LOSS_COLOUR)
        scores.tick_params(axis="y", colors=SCORE_COLOUR)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if column == 0 or panels[row][column - 1] is None:
            axes.set_ylabel(labels[0], color=LOSS_COLOUR)
        if column == columns - 1 or column + 1 >= len(panels[row]) or panels[row][column + 1] is None:
            scores.set_ylabel(labels[1], color=SCORE_COLOUR)
        else:
            scores.tick_params(axis="y", labelright=False)
        if row == rows - 1:
            axes.set_xlabel("epoch")
    for scores in right[1:]:
        scores.sharey(right[0])
    if right:
        right[0].set_ylim(*(score_limits or _ends([curve.score for each in curves.values() for curve in each])))
    return figure


def _ends(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """Ends of an axis with all of these that are finite, and a margin; 0 and 1 where there is none."""
    finite = np.concatenate([each[np.isfinite(each)] for each in values]) if values else np.array([])
    if not finite.size:
        return 0.0, 1.0
    margin = 0.05 * float(np.ptp(finite)) or 0.05
    return float(finite.min()) - margin, float(finite.max()) + margin


def _number(value: float, place: int | None = None) -> str:
    """0.05 or 2e9, without a plus or a zero that says nothing."""
    return f"{value:g}".replace("e+0", "e").replace("e+", "e")
