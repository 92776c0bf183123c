"""Single panels in frames of one size, so that one can lie over another: velocity, error, deviation, gather.

Their colours go from dark to bright all along: a copy in grey tells fast from slow, and too fast from too slow.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from figures.palette import BRIGHTENING_MAP, KILOMETRE, draw_error, draw_gather, draw_outline, draw_velocity

WIDTH = 2.6
"""Of what is drawn [inch]; labels come on top."""

LEFT, RIGHT, BOTTOM, TOP = 0.47, 0.1, 0.42, 0.08
"""Room around it [inch]."""

GATHER_SHAPE = 1.05
"""Height of a gather over its width."""

FONT = 8.5

SIGNED_MAP = LinearSegmentedColormap.from_list(
    "signed", ["#1d0f52", "#4a3f8f", "#8a8aa0", "#a9a9a9", "#c4b98c", "#e6c95a", "#fff3b0"]
)
"""Errors, from violet and dark over grey to yellow and bright."""

DEVIATION_MAP = "magma"


def velocity_frame(
    velocity: np.ndarray,
    spacing: float,
    limits: tuple[float, float],
    *,
    true_salt: np.ndarray | None = None,
    salt: np.ndarray | None = None,
) -> Figure:
    """A velocity model [m/s], (depth, x) with `spacing` [m], on a scale between `limits` [m/s].

    `true_salt` is a mask (depth, x), outlined in black; `salt` one that was predicted, dashed.
    """
    figure, axes = _frame(velocity.shape[0] / velocity.shape[1])
    draw_velocity(axes, velocity, spacing, limits, BRIGHTENING_MAP)
    return _of_depth(figure, axes, spacing, true_salt, salt)


def error_frame(error: np.ndarray, spacing: float, greatest: float, *, true_salt: np.ndarray | None = None) -> Figure:
    """An error or a change [m/s], (depth, x), on a scale that `greatest` [m/s] ends on both sides."""
    figure, axes = _frame(error.shape[0] / error.shape[1])
    draw_error(axes, error, spacing, greatest, SIGNED_MAP)
    return _of_depth(figure, axes, spacing, true_salt, None)


def deviation_frame(
    deviation: np.ndarray, spacing: float, greatest: float, *, true_salt: np.ndarray | None = None
) -> Figure:
    """A standard deviation [m/s], (depth, x), on a scale from 0 to `greatest` [m/s]."""
    figure, axes = _frame(deviation.shape[0] / deviation.shape[1])
    draw_velocity(axes, deviation, spacing, (0.0, greatest), DEVIATION_MAP)
    return _of_depth(figure, axes, spacing, true_salt, None)


def gather_frame(gather: np.ndarray, receiver_x: np.ndarray, time: np.ndarray, clip: float) -> Figure:
    """A gather (receiver, time) of receivers [m] and times [s], in grey from -clip to clip; NaN is left empty."""
    figure, axes = _frame(GATHER_SHAPE)
    draw_gather(axes, gather, receiver_x, time, clip)
    _label(axes, "receiver (km)", "time (s)")
    return figure


def velocity_scale(limits: tuple[float, float]) -> Figure:
    """The scale of `velocity_frame`."""
    return _scale(limits, BRIGHTENING_MAP, "velocity (km/s)", "both")


def error_scale(greatest: float, label: str = "predicted minus true (km/s)") -> Figure:
    """The scale of `error_frame`, under a label with its unit."""
    return _scale((-greatest, greatest), SIGNED_MAP, label, "both")


def deviation_scale(greatest: float) -> Figure:
    """The scale of `deviation_frame`."""
    return _scale((0.0, greatest), DEVIATION_MAP, "standard deviation (km/s)", "max")


def frame_edges() -> dict[str, float]:
    """Where what is drawn begins and ends across a frame, and the room over and under it: shares of the width."""
    width = LEFT + WIDTH + RIGHT
    return {"left": LEFT / width, "right": (LEFT + WIDTH) / width, "top": TOP / width, "bottom": BOTTOM / width}


def _frame(shape: float) -> tuple[Figure, Axes]:
    """A figure and axes of a `shape`, height over width."""
    width, height = LEFT + WIDTH + RIGHT, BOTTOM + WIDTH * shape + TOP
    figure = Figure(figsize=(width, height))
    return figure, figure.add_axes((LEFT / width, BOTTOM / height, WIDTH / width, WIDTH * shape / height))


def _of_depth(
    figure: Figure, axes: Axes, spacing: float, true_salt: np.ndarray | None, salt: np.ndarray | None
) -> Figure:
    if true_salt is not None:
        draw_outline(axes, true_salt, spacing)
    if salt is not None:
        draw_outline(axes, salt, spacing, predicted=True)
    _label(axes, "x (km)", "depth (km)")
    return figure


def _label(axes: Axes, across: str, down: str) -> None:
    axes.set_xlabel(across, fontsize=FONT, labelpad=1)
    axes.set_ylabel(down, fontsize=FONT, labelpad=2)
    axes.tick_params(labelsize=FONT, length=2.5, pad=2)


def _scale(limits: tuple[float, float], colours: str | Colormap, label: str, extend: str) -> Figure:
    figure = Figure(figsize=(3.2, 0.55))
    axes = figure.add_axes((0.05, 0.68, 0.9, 0.25))
    mappable = ScalarMappable(Normalize(limits[0] / KILOMETRE, limits[1] / KILOMETRE), colours)
    bar = figure.colorbar(mappable, cax=axes, orientation="horizontal", extend=extend)
    bar.set_label(label, fontsize=FONT, labelpad=1)
    bar.ax.tick_params(labelsize=FONT, length=2.5, pad=2)
    return figure
