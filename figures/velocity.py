"""Velocity models side by side: the reference and every run's prediction (the paper's Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.palette import draw_velocity

PANEL = 2.1


def velocity_panels(
    models: Mapping[str, np.ndarray],
    spacing: float,
    *,
    ssim: Mapping[str, np.ndarray] | None = None,
    rmse: Mapping[str, np.ndarray] | None = None,
    samples: Sequence[str] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one row a sample and one column a model set, all on one colour scale.

    Args:
        models: column title -> velocities [m/s], (sample, depth, x); the reference first. All of one shape.
        spacing: distance [m] between rows and columns of the grid.
        ssim, rmse: column title -> score of each sample, (sample,); RMSE in m/s. Written over the panels.
        samples: name of each row.
        limits: ends [m/s] of the colour scale; the first column's least and greatest velocity if not given.
    """
    titles = list(models)
    count = len(models[titles[0]])
    reference = models[titles[0]]
    limits = limits or (float(np.min(reference)), float(np.max(reference)))
    shape = reference.shape[1] / reference.shape[2]
    size = (PANEL * len(titles) + 1.6, (PANEL * shape + 0.3) * count + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(count, len(titles), sharex=True, sharey=True, squeeze=False)
    for (row, column), axes in np.ndenumerate(panels):
        title = titles[column]
        image = draw_velocity(axes, models[title][row], spacing, limits)
        heading = [title] if row == 0 else []
        scores = _scores(title, row, ssim, rmse)
        axes.set_title("\n".join(heading + ([scores] if scores else [])), fontsize=9)
        if column == 0:
            name = f"{samples[row]}\n" if samples else ""
            axes.set_ylabel(f"{name}depth (km)")
        if row == count - 1:
            axes.set_xlabel("x (km)")
    bar = figure.colorbar(image, ax=panels, shrink=min(1.0, 2 / count + 0.3), aspect=25, extend="both")
    bar.set_label("velocity (km/s)")
    return figure


def _scores(title: str, row: int, ssim: Mapping[str, np.ndarray] | None, rmse: Mapping[str, np.ndarray] | None) -> str:
    parts = []
    if ssim and title in ssim:
        parts.append(f"SSIM {ssim[title][row]:.2f}")
    if rmse and title in rmse:
        parts.append(f"RMSE {rmse[title][row]:.0f} m/s")
    return ", ".join(parts)
