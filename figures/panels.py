"""Migrated panels: the same gathers through several velocities, near and far offsets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.palette import AMPLITUDE_MAP, KILOMETRE, amplitude_clip, draw_outline, draw_velocity

SHARE = 0.97


def migrated_panels(
    panels: np.ndarray,
    velocity: np.ndarray,
    depth: np.ndarray,
    x: np.ndarray,
    spacing: float,
    limits: tuple[float, float],
    *,
    factors: Sequence[str],
    classes: Sequence[str],
    salt: np.ndarray | None = None,
) -> Figure:
    """Draw panels, a row a class of offset and a column a factor, beside the velocity model that they are to show.

    Args:
        panels: (factor, class, depth, x), any unit; all on one symmetric grey scale.
        velocity: the model [m/s], (depth, x) with `spacing` [m]; `limits` [m/s] end its colour scale.
        depth, x: of the panels' rows and columns [m].
        factors, classes: names of columns and rows.
        salt: mask (depth, x) of the model's salt, which is outlined in all.
    """
    rows, columns = panels.shape[1], panels.shape[0]
    figure = Figure(figsize=(1.75 * (columns + 1) + 0.6, 1.75 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns + 1, sharex=True, sharey=True, squeeze=False)
    clip = amplitude_clip(panels, SHARE)
    (left, right), (top, bottom) = (
        ((axis[0] - (axis[1] - axis[0]) / 2) / KILOMETRE, (axis[-1] + (axis[1] - axis[0]) / 2) / KILOMETRE)
        for axis in (x, depth)
    )
    extent = (left, right, bottom, top)
    for (row, column), axes in np.ndenumerate(grid[:, 1:]):
        axes.imshow(panels[column, row], extent=extent, cmap=AMPLITUDE_MAP, vmin=-clip, vmax=clip, aspect="auto")
        if salt is not None:
            draw_outline(axes, salt, spacing, predicted=True)
        if row == 0:
            axes.set_title(factors[column], fontsize=9)
    for row, axes in enumerate(grid[:, 0]):
        axes.set_ylabel(f"{classes[row]}\ndepth (km)", fontsize=8)
        if row:
            axes.axis("off")
            axes.text(
                -0.18, 0.5, classes[row], transform=axes.transAxes, rotation=90, va="center", ha="right", fontsize=8
            )
    image = draw_velocity(grid[0, 0], velocity, spacing, limits)
    grid[0, 0].set_aspect("auto")
    if salt is not None:
        draw_outline(grid[0, 0], salt, spacing)
    grid[0, 0].set_title("velocity", fontsize=9)
    for axes in grid[-1, 1:]:
        axes.set_xlabel("x (km)")
    figure.colorbar(image, ax=grid[1:, 0], location="left", shrink=0.6, label="velocity (km/s)")
    return figure
