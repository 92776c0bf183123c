"""How scores improve with the number of training models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from figures.palette import BASELINE_COLOUR, legend_below, run_line


def data_size(
    models: Sequence[int],
    scores: Mapping[str, Mapping[str, np.ndarray]],
    labels: Sequence[str],
    baseline: Mapping[str, float],
) -> Figure:
    """Draw a panel for each score, against the number of training models on a logarithmic axis.

    Args:
        models: numbers of training models, in rising order.
        scores: by the score's axis label with its unit, and by the survey tested on, the values (model count,).
        labels: what each number of models was trained with.
        baseline: the mean model's score by axis label, of the first survey; NaN for none.
    """
    figure = Figure(figsize=(2.9 * len(scores) + 0.3, 3.2), layout="constrained")
    row = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, (label, curves) in zip(row, scores.items(), strict=True):
        for number, (survey, values) in enumerate(curves.items()):
            axes.plot(models, values, marker="o", markersize=5, label=survey, **run_line(number))
        if np.isfinite(baseline[label]):
            axes.axhline(baseline[label], color=BASELINE_COLOUR, linestyle=(0, (1, 1)), label="mean model")
        axes.set_xscale("log")
        axes.set_xticks(models, [f"{count:,}\n{name}" for count, name in zip(models, labels, strict=True)], fontsize=8)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlim(models[0] / 1.4, models[-1] * 1.4)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.set_xlabel("training models")
    legend_below(figure, row[0])
    return figure
