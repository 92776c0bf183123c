"""The grid of velocity models: points at equal distance along depth and x."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from data_gen.errors import SettingError

MOST_POINTS = 10**8
"""Of a velocity model: 400 MB, and some times that to simulate it."""


@dataclass(frozen=True)
class Grid:
    """`depth_cells` x `x_cells` points, `spacing` metres apart; the first one at depth 0 and x 0.

    Raises SettingError for a grid that cannot be.
    """

    depth_cells: int
    x_cells: int
    spacing: float

    def __post_init__(self) -> None:
        if not (isinstance(self.depth_cells, int) and isinstance(self.x_cells, int)):
            raise SettingError(f"a grid has whole numbers of points, not {self.depth_cells!r} x {self.x_cells!r}")
        if min(self.depth_cells, self.x_cells) < 2:
            raise SettingError(f"a grid of {self.depth_cells} x {self.x_cells} points is too small")
        if self.depth_cells * self.x_cells > MOST_POINTS:
            raise SettingError(f"a grid of {self.depth_cells} x {self.x_cells} points is too large for any memory")
        if not (math.isfinite(self.spacing) and self.spacing > 0):
            raise SettingError(f"a grid spacing of {self.spacing:g} m is impossible")

    @property
    def shape(self) -> tuple[int, int]:
        """(depth, x)."""
        return self.depth_cells, self.x_cells

    @property
    def depth(self) -> np.ndarray:
        """Depth of the rows [m], shape (depth_cells,)."""
        return np.arange(self.depth_cells) * self.spacing

    @property
    def x(self) -> np.ndarray:
        """Position of the columns [m], shape (x_cells,)."""
        return np.arange(self.x_cells) * self.spacing
