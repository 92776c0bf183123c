"""Single charts of lines: small enough for a phone, side by side on a screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.palette import fitted, run_line

SIZE = (4.3, 3.1)
"""Of a chart [inch]."""

FONT = 9

LEGEND = 40
"""Characters of a line in the legend."""


@dataclass(frozen=True)
class Line:
    """A line of a chart: `y` over `x`, both (point,); NaN leaves a gap."""

    name: str
    x: np.ndarray
    y: np.ndarray


def line_chart(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    logarithmic: bool = False,
    whole_numbers: bool = False,
    descending: bool = False,
    levels: Mapping[str, float] | None = None,
    breaks: Sequence[float] = (),
    reference: Line | None = None,
    y_limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw lines, each with its own colour and dashes; labels have units.

    Args:
        lines: in the order of their colours.
        x_label, y_label: with their units.
        logarithmic: the y axis.
        whole_numbers: ticks of the x axis alone.
        descending: the x axis, from great to small.
        levels: name -> a horizontal line at this y, dotted.
        breaks: places on the x axis that are marked by a vertical line.
        reference: a line behind the others, black on a light page.
        y_limits: ends of the y axis.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    if reference is not None:
        axes.plot(reference.x, reference.y, label=fitted(reference.name, LEGEND), linewidth=1.9, color="black")
    for number, line in enumerate(lines):
        marker = "o" if np.isfinite(line.y).sum() <= 8 else None
        axes.plot(
            line.x, line.y, label=fitted(line.name, LEGEND), linewidth=1.7, marker=marker, markersize=4,
            **run_line(number),
        )  # fmt: skip
    for name, level in (levels or {}).items():
        axes.axhline(level, color="black", linewidth=1.3, linestyle=(0, (1, 1.5)), label=fitted(name, LEGEND))
    for place in breaks:
        axes.axvline(place, color="0.5", linewidth=0.8)
    if logarithmic:
        axes.set_yscale("log")
    if y_limits is not None:
        axes.set_ylim(y_limits)
    if descending:
        axes.invert_xaxis()
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=whole_numbers, min_n_ticks=1))
    axes.set_xlabel(x_label, fontsize=FONT)
    axes.set_ylabel(y_label, fontsize=FONT)
    axes.tick_params(labelsize=FONT, which="both")
    axes.grid(alpha=0.3)
    handles, names = axes.get_legend_handles_labels()
    columns = 1 if max((len(name) for name in names), default=0) > 22 else 2
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=FONT, frameon=False)
    return figure
