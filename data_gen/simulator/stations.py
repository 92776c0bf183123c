"""Sources and receivers in the equations: what is injected into, and recorded along, whole rows of the grid.

Along depth a station has a few weights (`interpolation`). Where all stand at one depth these are numbers of the
equations, and one row of weights along x is all that changes from shot to shot. Stations at several depths have a row
of data for each row of the grid that any of them reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import devito
import numpy as np


@dataclass(frozen=True)
class Row:
    """A Devito `function` along x, and each station's `weights` (station, x) for it."""

    function: devito.Function
    weights: np.ndarray


def sources(
    x_weights: np.ndarray, z_weights: np.ndarray, row_of: Callable[[str], devito.Function]
) -> tuple[list[tuple[int, devito.Function | float]], list[Row]]:
    """What to inject: for rows of the grid a factor of the wavelet, and the data that change from shot to shot.

    `x_weights` (source, x) and `z_weights` (source, depth); `row_of` makes a function along x of a name.
    """
    if _at_one_depth(z_weights):
        function = row_of("source")
        rows = [(int(row), float(z_weights[0, row]) * function) for row in np.flatnonzero(z_weights[0])]
        return rows, [Row(function, x_weights)]
    reached = np.flatnonzero(z_weights.any(axis=0))
    made = [Row(row_of(f"source{row}"), z_weights[:, row, None] * x_weights) for row in reached]
    return [(int(row), each.function) for row, each in zip(reached, made, strict=True)], made


def receivers(
    x_weights: np.ndarray, z_weights: np.ndarray, line_of: Callable[[str], devito.TimeFunction]
) -> list[tuple[dict[int, float], Row]]:
    """What to record: for each line its rows of the grid with their factors, and the weights that give the traces.

    A trace is the sum over the lines of weights (receiver, x) times the line. Arguments as those of `sources`.
    """
    if _at_one_depth(z_weights):
        factors = {int(row): float(z_weights[0, row]) for row in np.flatnonzero(z_weights[0])}
        return [(factors, Row(line_of("line"), x_weights))]
    return [
        ({int(row): 1.0}, Row(line_of(f"line{row}"), z_weights[:, row, None] * x_weights))
        for row in np.flatnonzero(z_weights.any(axis=0))
    ]


def _at_one_depth(z_weights: np.ndarray) -> bool:
    return bool(np.all(z_weights == z_weights[0]))
