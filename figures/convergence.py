"""Loss and score over training, for several runs and their repetitions (the paper's Figures 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.palette import BASELINE_COLOUR, LEGEND, fitted, run_line

X_LABELS = {"epochs": "epoch", "gradients": "gradient evaluations per sample", "seconds": "time (s)"}


@dataclass(frozen=True)
class Curve:
    """One repetition of a run: loss and score, (point,), at the positions `x`, (point,)."""

    x: np.ndarray
    loss: np.ndarray
    score: np.ndarray


def tomography_convergence(
    runs: Mapping[str, Sequence[Curve]],
    *,
    of: str = "test",
    x_axis: str = "epochs",
    mean_model: tuple[float, float] | None = None,
) -> Figure:
    """Draw the loss of equation (9) [(m/s)²] and the mean SSIM of each run (name -> its repetitions).

    `of` says which models were scored, `x_axis` what the curves' `x` counts, one of `X_LABELS`; `mean_model` is loss
    and SSIM of the baseline that predicts the mean model of the training set.
    """
    return _convergence(runs, x_axis, (f"{of} loss, (m/s)²", "mean SSIM"), "mean model", mean_model)


def mnist_convergence(runs: Mapping[str, Sequence[Curve]], *, x_axis: str = "epochs") -> Figure:
    """Draw cross-entropy and accuracy (a share, 0 to 1) of each run (name -> its repetitions); see above."""
    return _convergence(runs, x_axis, ("test cross-entropy", "test accuracy"), "", None)


def _convergence(
    runs: Mapping[str, Sequence[Curve]],
    x_axis: str,
    labels: tuple[str, str],
    baseline_name: str,
    baseline: tuple[float, float] | None,
) -> Figure:
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    first = [curve.loss[0] for repetitions in runs.values() for curve in repetitions]
    highest = 3.0 * max(filter(np.isfinite, first), default=np.inf)
    for number, (name, whole) in enumerate(runs.items()):
        line = run_line(number)
        repetitions = [_until_divergence(curve, highest) for curve in whole]
        _draw_run(panels[0], name, [(curve.x, curve.loss) for curve in repetitions], line)
        _draw_run(panels[1], name, [(curve.x, curve.score) for curve in repetitions], line)
    for number, axes in enumerate(panels):
        if baseline is not None:
            axes.axhline(baseline[number], color=BASELINE_COLOUR, linestyle=(0, (1, 1)), label=baseline_name)
        axes.set_xlabel(X_LABELS[x_axis])
        axes.xaxis.set_major_locator(MaxNLocator(integer=x_axis == "epochs", min_n_ticks=1))
        axes.set_ylabel(labels[number])
        axes.grid(alpha=0.3)
    panels[0].set_yscale("log")
    for line in panels[0].get_lines():
        line.set_label(fitted(str(line.get_label()), LEGEND))
    panels[0].legend(loc="best", fontsize="small", framealpha=0.9)
    return figure


def _until_divergence(curve: Curve, highest: float) -> Curve:
    """The curve with NaN from where its loss is no number, or above the highest worth drawing."""
    gone = np.maximum.accumulate(~(curve.loss <= highest))
    return Curve(curve.x, np.where(gone, np.nan, curve.loss), np.where(gone, np.nan, curve.score))


def _draw_run(
    axes: Axes, name: str, repetitions: Sequence[tuple[np.ndarray, np.ndarray]], line: Mapping[str, Any]
) -> None:
    """One repetition is a line; of several each is thin, and the median of those that did not diverge is thick."""
    sound = [(x, values) for x, values in repetitions if not np.isnan(values).any()]
    diverged = len(repetitions) - len(sound)
    if len(repetitions) == 1:
        if len(repetitions[0][0]) == 1:
            line = {**line, "marker": "o"}  # a line of one point is none
        axes.plot(*repetitions[0], label=f"{name}, diverged" if diverged else name, linewidth=1.8, **line)
        return
    for x, values in repetitions:
        axes.plot(x, values, color=line["color"], linewidth=0.7, alpha=0.7)
    if not sound:
        axes.plot([], [], label=f"{name}, all {diverged} diverged", linewidth=1.8, **line)
        return
    shortest = min(len(x) for x, _ in sound)
    x, values = (np.median([curve[i][:shortest] for curve in sound], axis=0) for i in (0, 1))
    others = f", {diverged} diverged" if diverged else ""
    axes.plot(x, values, label=f"{name} (median of {len(sound)}{others})", linewidth=1.8, **line)
