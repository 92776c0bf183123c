"""A page of velocity models, each with one of its shot gathers beneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from figures.palette import amplitude_clip, draw_gather, draw_velocity

COLUMNS = 6


@dataclass(frozen=True)
class Shots:
    """One shot gather of each model, (model, receiver, time), receivers [m] and times [s]."""

    gathers: np.ndarray
    receiver_x: np.ndarray
    time: np.ndarray


def gallery_page(
    velocity: np.ndarray,
    spacing: float,
    *,
    shots: Shots | None = None,
    titles: Sequence[str] | None = None,
    limits: tuple[float, float] = (1500.0, 4600.0),
) -> Figure:
    """Draw models in rows of six, each over its shot gather if shots are given.

    Args:
        velocity: (model, depth, x) [m/s].
        spacing: distance [m] between rows and columns of the grid.
        shots: one shot of each model.
        titles: one a model.
        limits: ends [m/s] of the colour scale.
    """
    columns = min(COLUMNS, len(velocity))
    rows = -(-len(velocity) // columns)
    per_row = 1 if shots is None else 2
    height = rows * (2.05 if shots is None else 3.3) + 0.6
    figure = Figure(figsize=(1.6 * columns + 1.2, height), layout="constrained")
    ratios = [1.0, 0.85][:per_row] * rows
    panels = figure.subplots(rows * per_row, columns, squeeze=False, height_ratios=ratios)
    for axes in panels.flat:
        axes.set_visible(False)
    for number, model in enumerate(velocity):
        row, column = divmod(number, columns)
        axes = panels[row * per_row, column]
        axes.set_visible(True)
        image = draw_velocity(axes, model, spacing, limits)
        axes.set_title(titles[number] if titles else "", fontsize=9)
        axes.set_ylabel("depth (km)" if column == 0 else "", fontsize=9)
        axes.set_xlabel("x (km)", fontsize=9)
        axes.tick_params(labelsize=8, labelleft=column == 0)
        if shots is None:
            continue
        below = panels[row * per_row + 1, column]
        below.set_visible(True)
        gather = shots.gathers[number]
        draw_gather(below, gather, shots.receiver_x, shots.time, amplitude_clip(gather))
        below.set_ylabel("time (s)" if column == 0 else "", fontsize=9)
        below.set_xlabel("receiver (km)", fontsize=9)
        below.tick_params(labelsize=8, labelleft=column == 0)
    bar = figure.colorbar(image, ax=panels, shrink=0.6, aspect=30, extend="both")
    bar.set_label("velocity (km/s)")
    return figure
