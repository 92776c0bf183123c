"""Colours and axes shared by the figures; the colours stay apart for the colour-blind.

Figures are `matplotlib.figure.Figure` objects made without pyplot: no window, no global state, safe in
threads. Save one with `figure.savefig(path, dpi=150)`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

KILOMETRE = 1000.0
"""Metres; all distances and velocities are drawn in km and km/s."""

VELOCITY_MAP = "RdYlBu_r"
ERROR_MAP = "PuOr_r"
AMPLITUDE_MAP = "gray"
BRIGHTENING_MAP = "viridis"
"""From dark to bright, so that a copy in grey still tells slow from fast; `VELOCITY_MAP` is dark at both ends."""
BASELINE_COLOUR = "0.35"

LEGEND = 36
"""Characters of a line in a legend."""

# Okabe and Ito (2008), from the darkest: blue, vermilion, green, purple, orange, sky blue, black.
RUN_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
RUN_STYLES = ("-", "--", "-.", ":")


def fitted(name: str, width: int) -> str:
    """A name in lines of at most so many characters, broken after spaces, hyphens, underscores, dots."""
    lines = [""]
    for word in re.findall(r"[^ _.-]+[ _.-]*|[ _.-]+", name):
        for part in (word[start : start + width] for start in range(0, len(word), width)):
            if len(lines[-1]) + len(part) > width:
                lines.append("")
            lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def legend_below(figure: Figure, axes: Axes) -> None:
    """One legend, of what is drawn in some axes, below all others, where it covers nothing; long names are broken."""
    handles, names = axes.get_legend_handles_labels()
    columns = max(1, min(len(names), int(figure.get_figwidth() // 2.8)))
    lines = [fitted(name, LEGEND) for name in names]
    figure.legend(handles, lines, loc="outside lower center", ncols=columns, fontsize="small", frameon=False)


def run_line(index: int) -> dict[str, Any]:
    """Colour and line style of the run with this number; the first 28 differ in at least one of them."""
    return {"color": RUN_COLOURS[index % len(RUN_COLOURS)], "linestyle": RUN_STYLES[index % len(RUN_STYLES)]}


def draw_velocity(
    axes: Axes,
    velocity: np.ndarray,
    spacing: float,
    limits: tuple[float, float],
    colours: str | Colormap = VELOCITY_MAP,
) -> AxesImage:
    """Draw one velocity model [m/s], (depth, x) with `spacing` [m], in km and km/s; returns the image.

    `limits` [m/s] are the ends of the colour scale, a map of matplotlib's.
    """
    return _draw_image(axes, velocity, spacing, limits, colours)


def draw_error(
    axes: Axes, error: np.ndarray, spacing: float, greatest: float, colours: str | Colormap = ERROR_MAP
) -> AxesImage:
    """Draw the error of a velocity model [m/s], (depth, x), in km/s; `greatest` [m/s] ends the scale on both sides."""
    return _draw_image(axes, error, spacing, (-greatest, greatest), colours)


def draw_outline(axes: Axes, mask: np.ndarray, spacing: float, predicted: bool = False) -> None:
    """Draw the outline of a mask (depth, x): a black line, or, of what was predicted, a dashed one on white."""
    if not mask.any() or mask.all():
        return
    rows, columns = (np.arange(points) * spacing / KILOMETRE for points in mask.shape)
    if predicted:
        axes.contour(columns, rows, mask, levels=[0.5], colors="white", linewidths=1.6)
        axes.contour(columns, rows, mask, levels=[0.5], colors="black", linewidths=0.9, linestyles="dashed")
    else:
        axes.contour(columns, rows, mask, levels=[0.5], colors="black", linewidths=1.1)


def _draw_image(
    axes: Axes, image: np.ndarray, spacing: float, limits: tuple[float, float], colours: str | Colormap
) -> AxesImage:
    rows, columns = image.shape
    right, bottom = (columns - 0.5) * spacing / KILOMETRE, (rows - 0.5) * spacing / KILOMETRE
    edge = -0.5 * spacing / KILOMETRE
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    return axes.imshow(
        np.asarray(image) / KILOMETRE,
        extent=(edge, right, bottom, edge),
        cmap=colours,
        vmin=limits[0] / KILOMETRE,
        vmax=limits[1] / KILOMETRE,
        interpolation="nearest",
    )


def draw_gather(axes: Axes, gather: np.ndarray, receiver_x: np.ndarray, time: np.ndarray, clip: float) -> None:
    """Draw one gather, (receiver, time): receivers [m] across, in km, time [s] down, grey from -clip to clip.

    Receivers may stand anywhere and in any order; traces of NaN, which nobody recorded, are left white.
    """
    order = np.argsort(receiver_x, kind="stable")
    x, traces = np.asarray(receiver_x, np.float64)[order] / KILOMETRE, np.asarray(gather)[order].T
    across, down = _edges(x), _edges(time)
    grey: dict[str, Any] = {"cmap": AMPLITUDE_MAP, "vmin": -clip, "vmax": clip}
    if np.allclose(np.diff(x), np.diff(x)[:1], rtol=1e-3):
        extent = (across[0], across[-1], down[-1], down[0])
        axes.imshow(traces, extent=extent, aspect="auto", interpolation="nearest", **grey)
    else:
        axes.pcolormesh(across, down, traces, rasterized=True, **grey)
        axes.set_ylim(down[-1], down[0])


def _edges(places: np.ndarray) -> np.ndarray:
    """The edges of cells around ascending places, halfway between neighbours."""
    if len(places) == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    half = np.diff(places) / 2
    return np.concatenate([[places[0] - half[0]], places[:-1] + half, [places[-1] + half[-1]]])


def amplitude_clip(gathers: np.ndarray, share: float = 0.9) -> float:
    """The amplitude that this share of the samples stays within; 1 if all are silent. NaN counts for nothing."""
    amplitudes = np.abs(gathers)[np.isfinite(gathers)]
    return float(np.quantile(amplitudes, share) or amplitudes.max() or 1.0) if amplitudes.size else 1.0
