"""Velocity models side by side: the reference and every run's prediction (the paper's Figure 3), and its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.palette import draw_error, draw_outline, draw_velocity, fitted

PANEL = 2.1
"""Width of a panel [inch]."""

WIDTH = 26
"""Characters over a panel."""

TRUTH = "reference"
"""Title of the column of true models, if there is one."""


def velocity_panels(
    models: Mapping[str, np.ndarray],
    spacing: float,
    *,
    ssim: Mapping[str, np.ndarray] | None = None,
    rmse: Mapping[str, np.ndarray] | None = None,
    samples: Sequence[str] | None = None,
    limits: tuple[float, float] | None = None,
    salt: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Draw one row a sample and one column a model set, all on one colour scale.

    Args:
        models: column title -> velocities [m/s], (sample, depth, x); the reference first. All of one shape.
        spacing: distance [m] between rows and columns of the grid.
        ssim, rmse: column title -> score of each sample, (sample,); RMSE in m/s. Written over the panels.
        samples: name of each row.
        salt: column title -> masks (sample, depth, x). Those of `reference` are outlined in black in all columns, each
            other's dashed in its own.
        limits: ends [m/s] of the colour scale; the first column's least and greatest velocity if not given.
    """
    titles = list(models)
    count = len(models[titles[0]])
    reference = models[titles[0]]
    limits = limits or (float(np.min(reference)), float(np.max(reference)))
    shape = reference.shape[1] / reference.shape[2]
    figure = _figure(titles, count, shape)
    panels = figure.subplots(count, len(titles), sharex=True, sharey=True, squeeze=False)
    for (row, column), axes in np.ndenumerate(panels):
        title = titles[column]
        image = draw_velocity(axes, models[title][row], spacing, limits)
        if salt:
            if TRUTH in salt:
                draw_outline(axes, salt[TRUTH][row], spacing)
            if title != TRUTH and title in salt:
                draw_outline(axes, salt[title][row], spacing, predicted=True)
        heading = [fitted(title, WIDTH)] if row == 0 else []
        scores = _scores(title, row, ssim, rmse)
        axes.set_title("\n".join(heading + ([scores] if scores else [])), fontsize=9)
        if column == 0:
            name = f"{samples[row]}\n" if samples else ""
            axes.set_ylabel(f"{name}depth (km)")
        if row == count - 1:
            axes.set_xlabel("x (km)")
    bar = figure.colorbar(image, ax=panels, shrink=min(1.0, 1.6 / count), aspect=25, extend="both")
    bar.set_label("velocity (km/s)")
    return figure


def error_panels(
    reference: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    spacing: float,
    *,
    samples: Sequence[str],
    salt: np.ndarray | None = None,
    greatest: float = 1500.0,
) -> Figure:
    """Draw prediction minus reference, a row a sample and a column a predictor, on one symmetric scale.

    Args:
        reference: velocities [m/s], (sample, depth, x).
        predictions: column title -> velocities [m/s], (sample, depth, x).
        spacing: distance [m] between rows and columns of the grid.
        samples: name of each row.
        salt: masks (sample, depth, x) of the reference's salt, which is outlined.
        greatest: end [m/s] of the scale.
    """
    shape = reference.shape[1] / reference.shape[2]
    figure = _figure(list(predictions), len(reference), shape)
    panels = figure.subplots(len(reference), len(predictions), sharex=True, sharey=True, squeeze=False)
    for (row, column), axes in np.ndenumerate(panels):
        title = list(predictions)[column]
        image = draw_error(axes, predictions[title][row] - reference[row], spacing, greatest)
        if salt is not None:
            draw_outline(axes, salt[row], spacing)
        if row == 0:
            axes.set_title(fitted(title, WIDTH), fontsize=9)
        if column == 0:
            axes.set_ylabel(f"{samples[row]}\ndepth (km)")
        if row == len(reference) - 1:
            axes.set_xlabel("x (km)")
    bar = figure.colorbar(image, ax=panels, shrink=min(1.0, 1.6 / len(reference)), aspect=25, extend="both")
    bar.set_label("predicted minus true (km/s)")
    return figure


def _figure(titles: Sequence[str], rows: int, shape: float) -> Figure:
    """An empty figure for a column a title, of panels of a `shape`, height over width, with room for labels and bar."""
    lines = max(fitted(title, WIDTH).count("\n") for title in titles)
    size = (PANEL * len(titles) + 1.9, (0.92 * PANEL * shape + 0.3) * rows + 0.17 * lines + 0.75)
    return Figure(figsize=size, layout="compressed")


def _scores(title: str, row: int, ssim: Mapping[str, np.ndarray] | None, rmse: Mapping[str, np.ndarray] | None) -> str:
    parts = []
    if ssim and title in ssim:
        parts.append(f"SSIM {ssim[title][row]:.2f}")
    if rmse and title in rmse:
        parts.append(f"RMSE {rmse[title][row]:.0f} m/s")
    return ", ".join(parts)
