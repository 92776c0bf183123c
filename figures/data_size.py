"""How scores improve with the number of training models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from figures.palette import BASELINE_COLOUR, legend_below, run_line

Curve = tuple[np.ndarray, np.ndarray]
"""Numbers of training models, in rising order, and a score of each, both (count,)."""


def data_size(scores: Mapping[str, Mapping[str, Curve]], baselines: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw a panel for each score, against the number of training models on a logarithmic axis.

    Args:
        scores: by the score's axis label with its unit, and by what was trained and tested on, the curve.
        baselines: by axis label, and by their name, scores of models that know no gathers; NaN for none.
    """
    figure = Figure(figsize=(2.9 * len(scores) + 0.3, 3.4), layout="constrained")
    row = figure.subplots(1, len(scores), squeeze=False)[0]
    styles = ((0, (1, 1)), (0, (4, 2)), (0, (6, 2, 1, 2)))
    for axes, (label, curves) in zip(row, scores.items(), strict=True):
        for number, (name, (models, values)) in enumerate(curves.items()):
            axes.plot(models, values, marker="o", markersize=5, label=name, **run_line(number))
        for number, (name, value) in enumerate(baselines[label].items()):
            if np.isfinite(value):
                style = styles[number % len(styles)]
                axes.axhline(value, color=BASELINE_COLOUR, linestyle=style, label=name)
        every = np.unique(np.concatenate([models for models, _ in curves.values()]))
        axes.set_xscale("log")
        axes.set_xticks(every, [f"{count:,}" for count in every], fontsize=8)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlim(every[0] / 1.4, every[-1] * 1.4)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.set_xlabel("training models")
    legend_below(figure, row[0])
    return figure
