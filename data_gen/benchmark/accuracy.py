"""How far a contender is from the truth: the exact solution, and a domain from whose sides nothing returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from typing import Any

import numpy as np
from scipy.special import hankel2

from data_gen.acquisition import Acquisition
from data_gen.benchmark.contenders import Contender
from data_gen.grid import Grid

MARGIN = 190
"""Cells to every side: at 4,800 m/s a wave needs 2.4 s to cross the model, the margin and come back."""


@dataclass(frozen=True)
class Embedded(Acquisition):
    """An acquisition over the middle of a model that goes on for `margin` cells to either side of it."""

    margin: int = 0

    @property
    def source_x(self) -> np.ndarray:
        """Position of the sources [m]."""
        return self._spread(self.sources)

    @property
    def receiver_x(self) -> np.ndarray:
        """Position of the receivers [m]."""
        return self._spread(self.receivers)

    def _spread(self, count: int) -> np.ndarray:
        width = (self.grid.x_cells - 1 - 2 * self.margin) * self.grid.spacing
        return self.margin * self.grid.spacing + np.linspace(0, width, count)


def embed(acquisition: Acquisition, margin: int = MARGIN) -> Embedded:
    """The same acquisition with the model continued by `margin` cells, at the top only where it absorbs."""
    above = 0 if acquisition.free_surface else margin
    spacing = acquisition.grid.spacing
    fields: dict[str, Any] = {field.name: getattr(acquisition, field.name) for field in fields_of(acquisition)}
    return Embedded(
        **fields
        | {
            "grid": Grid(acquisition.grid.depth_cells + margin + above, acquisition.grid.x_cells + 2 * margin, spacing),
            "source_depth": tuple(acquisition.source_z + above * spacing),
            "receiver_depth": tuple(acquisition.receiver_z + above * spacing),
        },
        margin=margin,
    )


def difference(gathers: np.ndarray, reference: np.ndarray) -> float:
    """Relative L2 norm of the difference."""
    return float(np.linalg.norm(gathers - reference) / np.linalg.norm(reference))


def exact_trace(acquisition: Acquisition, offset: float, velocity: float, oversampling: int = 16) -> np.ndarray:
    """h² irfft(-(i/4) H0⁽²⁾(ω r / c) rfft(s)): a homogeneous medium, a point source of the area of a cell."""
    step = acquisition.sample_interval / oversampling
    count = 8 * acquisition.samples * oversampling
    spectrum = np.fft.rfft(acquisition.wavelet(np.arange(count) * step))
    omega = 2 * np.pi * np.fft.rfftfreq(count, step)
    green = np.zeros(len(omega), complex)
    green[1:] = -0.25j * hankel2(0, omega[1:] * offset / velocity)
    trace = acquisition.grid.spacing**2 * np.fft.irfft(green * spectrum, count)
    return trace[::oversampling][: acquisition.samples]


def scheme_error(build: Callable[[Acquisition], Contender], acquisition: Acquisition, velocity: float) -> float:
    """Error of the trace nearest to 700 m from the first source, in a homogeneous medium."""
    few = replace(acquisition, sources=2)
    gathers = build(few).gather(np.full(few.grid.shape, velocity, np.float32))
    offsets = np.abs(few.receiver_x - few.source_x[0])
    receiver = int(np.argmin(np.abs(offsets - 700)))
    return difference(gathers[0, receiver], exact_trace(few, offsets[receiver], velocity))


def boundary_error(
    build: Callable[[Acquisition], Contender], acquisition: Acquisition, velocities: list[np.ndarray]
) -> float:
    """The worst shot's difference to the same scheme on the large domain, over three shots of each model."""
    few = replace(acquisition, sources=3, receivers=100)
    near, far = build(few), build(embed(few))
    errors = []
    for velocity in velocities:
        ours, theirs = near.gather(velocity), far.gather(np.pad(velocity, MARGIN, mode="edge"))
        errors += [difference(one, other) for one, other in zip(ours, theirs, strict=True)]
    return max(errors)
