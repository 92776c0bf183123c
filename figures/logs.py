"""Velocity logs: how velocity changes with depth at one place, true and predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.palette import KILOMETRE, legend_below, run_line


def velocity_logs(
    reference: np.ndarray | None,
    predictions: Mapping[str, np.ndarray],
    depth: np.ndarray,
    *,
    titles: Sequence[str],
    salt: np.ndarray | None = None,
) -> Figure:
    """Draw logs side by side, depth downwards.

    Args:
        reference: velocities [m/s], (log, depth); None where they are not known.
        predictions: name -> velocities [m/s], (log, depth).
        depth: of the samples [m], (depth,).
        titles: of each log, as model and place.
        salt: where there is salt (log, depth), which is shaded.
    """
    figure = Figure(figsize=(2.2 * len(titles) + 0.8, 4.2), layout="constrained")
    panels = figure.subplots(1, len(titles), sharey=True, sharex=True, squeeze=False)[0]
    for number, axes in enumerate(panels):
        if reference is not None:
            axes.plot(reference[number] / KILOMETRE, depth / KILOMETRE, color="black", linewidth=1.8, label="reference")
        for run, (name, values) in enumerate(predictions.items()):
            axes.plot(
                values[number] / KILOMETRE,
                depth / KILOMETRE,
                linewidth=1.4,
                label=name,
                **run_line(run),
            )
        if salt is not None:
            edges = axes.get_ylim()
            across = axes.get_yaxis_transform()
            axes.fill_betweenx(
                depth / KILOMETRE, 0, 1, where=salt[number], transform=across, color="0.5", alpha=0.24, lw=0, zorder=0
            )
            axes.set_ylim(edges)
        axes.set_title(titles[number], fontsize=9)
        axes.set_xlabel("velocity (km/s)")
        axes.grid(alpha=0.3)
    panels[0].set_ylim(depth[-1] / KILOMETRE, 0.0)
    panels[0].set_ylabel("depth (km)")
    legend_below(figure, panels[0])
    return figure
