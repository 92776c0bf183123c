"""Panels: what a network reads of a survey, whatever its line of sources and receivers and the unit of its gathers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.grid import Grid
from data_gen.migration.kirchhoff import Kirchhoff, Rays, Traces
from data_gen.migration.reference import References
from data_gen.migration.travel_time import Profile

KILOMETRE = 1000.0

CERTAIN, DOUBTFUL = 15.0, 35.0
"""Angles [degrees] from which on gathers are taken for turned: where a reference explains them, and where it does not.
Over 4,000 m/s from the top on, where references have 2,500 at most, 29 degrees are found where there are none."""

EXPLAINED = 0.75
"""A reference that leaves a quarter of the energy or less explains gathers."""

LEAST_FOLD = 1e-3
"""Where no trace of a class sees a point its panel is zero, not a quotient of zeros."""


@dataclass(frozen=True)
class PanelDefinition:
    """What panels are made of; part of every network that reads them.

    Args:
        grid: of the velocity models.
        profiles: the references, velocities (profile, depth) [m/s] at the grid's depths.
        factors: multiples of the reference in which gathers are migrated.
        offset_bounds: bounds [m] between the classes of offset.
        step: cells of the grid from one point of a panel to the next, along depth and x.
    """

    grid: Grid
    profiles: tuple[tuple[float, ...], ...]
    factors: tuple[float, ...] = (0.68, 0.78, 0.88, 0.98, 1.1, 1.25)
    offset_bounds: tuple[float, ...] = (200.0, 450.0, 850.0)
    step: tuple[int, int] = (1, 2)

    @property
    def depth(self) -> np.ndarray:
        """Of the panels' rows [m]."""
        return _middles(self.grid.depth, self.step[0])

    @property
    def x(self) -> np.ndarray:
        """Of the panels' columns [m]."""
        return _middles(self.grid.x, self.step[1])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(depth, x, channel): a channel for each factor and class of offset, and one for the reference profile."""
        return len(self.depth), len(self.x), len(self.factors) * (len(self.offset_bounds) + 1) + 1

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {
            "grid": [*self.grid.shape, self.grid.spacing],
            "profiles": [[round(value, 3) for value in profile] for profile in self.profiles],
            "factors": list(self.factors),
            "offset_bounds": list(self.offset_bounds),
            "step": list(self.step),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PanelDefinition:
        """The inverse of `to_json`; raises TypeError, KeyError or ValueError for anything else."""
        rows, step = values["profiles"], values["step"]
        return cls(
            Grid(*values["grid"]),
            tuple(tuple(map(float, profile)) for profile in rows),
            tuple(map(float, values["factors"])),
            tuple(map(float, values["offset_bounds"])),
            (int(step[0]), int(step[1])),
        )


def _middles(axis: np.ndarray, step: int) -> np.ndarray:
    """The middles of groups of `step` points of an axis, symmetric about its middle.

    Where the points make no whole number of groups, the outermost ones reach beyond the axis by the same on both sides.
    """
    spacing = axis[1] - axis[0]
    groups = -(-len(axis) // step)
    middle = (axis[0] + axis[-1]) / 2
    return middle + (np.arange(groups) - (groups - 1) / 2) * step * spacing


class PanelMaker:
    """Panels of gathers that were recorded with an acquisition over the definition's grid.

    `references` are the simulated gathers (profile, trace, sample) of the definition's profiles.
    Raises DataError for an acquisition over another grid.
    """

    def __init__(self, definition: PanelDefinition, acquisition: Acquisition, references: np.ndarray) -> None:
        if acquisition.grid != definition.grid:
            raise DataError(f"panels of {definition.grid} cannot be made over {acquisition.grid}")
        self.definition, self.acquisition = definition, acquisition
        traces = Traces.of(acquisition)
        classes = np.searchsorted(definition.offset_bounds, traces.offset, side="right")
        self._rays = Rays(traces, definition.depth, definition.x, classes, len(definition.offset_bounds) + 1)
        self._references = References(np.array(definition.profiles), references)

    def phase(self, gathers: np.ndarray) -> float:
        """By how many degrees the wavelet of gathers (source, receiver, time) is turned, from -180 to 180.

        In doubt it is 0: a small angle may be an error of the estimate, or the shallow rocks may be faster than those
        of any reference, which then explains little. Raises DataError for gathers without a live trace.
        """
        phase, explained = self._references.phase(*self._traces(gathers))
        return phase if abs(phase) >= (CERTAIN if explained >= EXPLAINED else DOUBTFUL) else 0.0

    def panels(self, gathers: np.ndarray, live: np.ndarray | None = None, rank: int = 0) -> np.ndarray:
        """Panels float32 (depth, x, channel) of gathers (source, receiver, time).

        `live` (source, receiver) says which traces of the line's live ones count, all that are not silent if not given;
        with a `rank` the next best reference is taken. Raises DataError for gathers without a live trace, or that no
        reference explains.
        """
        acquisition, definition = self.acquisition, self.definition
        traces, alive = self._traces(gathers, live)
        fit = self._references.fit(traces, alive, rank)
        residual = self._references.residual(traces, alive, fit)
        profile = Profile(self._references.profiles[fit.number], acquisition.grid.spacing)
        kirchhoff = Kirchhoff(self._rays, acquisition.samples, acquisition.sample_interval, acquisition.delay, profile)
        prepared = kirchhoff.prepare(residual)
        fold = np.maximum(self._rays.fold(alive), LEAST_FOLD)
        images = [kirchhoff.migrate(prepared, alive, factor) / fold for factor in definition.factors]
        panels = np.empty(definition.shape, np.float32)
        panels[..., :-1] = np.moveaxis(np.concatenate(images), 0, -1)
        panels[..., -1] = profile.velocity(definition.depth)[:, None] / KILOMETRE
        return panels

    def _traces(self, gathers: np.ndarray, live: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Gathers as traces (trace, sample), and which of them count."""
        traces = np.asarray(gathers, np.float32).reshape(-1, self.acquisition.samples)
        heard = np.any(traces != 0, axis=1) & self.acquisition.live.ravel()
        alive = heard if live is None else heard & live.ravel()
        if not alive.any():
            raise DataError("no trace holds a signal")
        return traces, alive
