"""Test loss against seconds of training, of several optimizers on several tasks, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from figures.palette import run_line

HEIGHT = 3.4


@dataclass(frozen=True)
class Progress:
    """One optimizer on one task: processor seconds (point,) and test losses (seed, point), NaN after divergence."""

    seconds: np.ndarray
    losses: np.ndarray


LABELLED = {
    3.0: (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
    10.0: (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    1e3: (1.0, 3.0),
    np.inf: (1.0,),
}
"""The losses that have a label within a decade, by how many times the lowest loss the highest is at most."""


def rivals_convergence(tasks: Mapping[str, Mapping[str, Progress]]) -> Figure:
    """Draw a panel for each task: each optimizer's median over the seeds, in a band from the lowest to the highest.

    Both axes are logarithmic; an optimizer has the same colour in all panels.
    """
    names = list(dict.fromkeys(name for runs in tasks.values() for name in runs))
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(max(5.6, 3.7 * columns), HEIGHT * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    handles: dict[str, Line2D] = {}
    for axes, (task, runs) in zip(panels, tasks.items(), strict=False):
        for name, progress in runs.items():
            sound = progress.losses[np.isfinite(progress.losses).all(axis=1)]
            line = run_line(names.index(name))
            if len(sound):
                axes.fill_between(progress.seconds, sound.min(0), sound.max(0), color=line["color"], alpha=0.15, lw=0)
            median = np.median(sound, axis=0) if len(sound) else np.full(len(progress.seconds), np.nan)
            (handles[name],) = axes.plot(progress.seconds, median, label=name, linewidth=1.6, **line)
        gone = {name: int(np.isnan(progress.losses).any(axis=1).sum()) for name, progress in runs.items()}
        said = ", ".join(f"{count} of {name}" for name, count in gone.items() if count)
        axes.set_title(f"{task} (diverged: {said})" if said else task, fontsize="medium")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("CPU seconds of one thread")
        axes.set_ylabel("test loss")
        axes.grid(alpha=0.3, which="both")
        low, high = axes.get_ylim()
        within = next(subdivided for span, subdivided in LABELLED.items() if high < span * low)
        for axis, subdivided in ((axes.xaxis, (1.0, 2.0, 5.0)), (axes.yaxis, within)):
            axis.set_major_locator(LogLocator(10.0, subs=subdivided))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    figure.legend(
        [handles[name] for name in names], names, loc="outside lower center", ncols=min(4, len(names)), frameon=False
    )
    return figure
