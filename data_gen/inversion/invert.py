"""Full-waveform inversion from a model that is nearly right: from low to high frequencies, by L-BFGS.

What is minimized in a stage is the data misfit below its frequency plus a little total variation. How much the data
say of a place is taken from the first gradient of the stage, smoothed over hundreds of metres. Steps are longer where
they say little, in the deep and outer parts, since the shallow ones alone would move otherwise; and the total variation
counts less there, so that it makes up for noise and does not level out salt that the data know nothing about. No wave
tells an update finer than itself from noise: updates are smoothed over a grid point.

The model with the smallest misfit over the whole band is kept, which may be the first one.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.inversion.misfit import DataMisfit
from data_gen.inversion.variation import total_variation
from data_gen.simulator.gradient import ParallelGradient


@dataclass(frozen=True)
class Stage:
    """At most so many iterations below `cutoff` times the wavelet's peak frequency; None for the whole signal."""

    cutoff: float | None
    iterations: int


SCHEDULE = (Stage(0.6, 8), Stage(None, 16))
"""What was tried is in docs/experiments.md."""

VARIATION = 3e-9
"""Mean weight of the total variation [1/(m/s)] beside the misfit, which is 1 without a model."""

EDGE = 20.0
"""Differences between neighbours [m/s] that the total variation takes for edges."""

SMOOTHING = 1.0
"""Standard deviation of what smooths updates [grid points]."""

REACH = (8.0, 30.0)
"""Standard deviations of what smooths the scaling of the updates, along depth and x [grid points]."""

LEAST_SIZE = 0.02
"""What the data are taken to say at least, relative to where they say most."""

MEMORY = 10
"""Curvature pairs of L-BFGS."""


@dataclass(frozen=True)
class Inversion:
    """What came of an inversion.

    `velocity` (depth, x) [m/s]; `start` and `misfit` are those of the first model and of this one over the whole band,
    energies relative to the recorded one; `noise` is what the misfit of the true model would be; `history` has the
    misfit of every gradient, by stage.
    """

    velocity: np.ndarray
    start: float
    misfit: float
    noise: float
    history: tuple[tuple[float, ...], ...]

    @property
    def improved(self) -> bool:
        """Whether a better model than the first one was found."""
        return self.misfit < self.start


def invert(
    recorded: np.ndarray,
    start: np.ndarray,
    acquisition: Acquisition,
    gradients: ParallelGradient | None = None,
    stages: Sequence[Stage] = SCHEDULE,
    source: str = "amplitude",
    variation: float = VARIATION,
    progress: Callable[[int, float], None] = lambda stage, misfit: None,
) -> Inversion:
    """Invert gathers (source, receiver, time) from a velocity model `start` (depth, x) [m/s].

    `gradients` simulates; to make one takes a minute, so that it is worth keeping for several models. `source` is what
    is known of it (see `DataMisfit`). A stage ends when the misfit is that of the noise which was recorded before the
    first arrivals. `progress` is told of every gradient. Velocities stay within the acquisition's limits. Raises
    DataError for gathers or a model that do not suit the acquisition.
    """
    if start.shape != acquisition.grid.shape:
        raise DataError(f"a velocity model of shape {start.shape} does not fit the grid, {acquisition.grid.shape}")
    gradients = gradients or ParallelGradient(acquisition)
    velocity = np.clip(start, *acquisition.velocity_limits).astype(np.float64)
    whole = DataMisfit(recorded, acquisition, source=source)
    gathers = gradients.gather(velocity)
    whole.learn_wavelet(gathers)
    first = whole.misfit(gathers)
    best, least = velocity, first
    history: list[tuple[float, ...]] = []
    for number, stage in enumerate(stages):
        cutoff = None if stage.cutoff is None else stage.cutoff * acquisition.peak_frequency
        data = DataMisfit(recorded, acquisition, cutoff, source)
        data.learn_wavelet(gathers)
        descent = _Descent(data, gradients, velocity, variation, functools.partial(progress, number))
        velocity = descent.run(stage.iterations)
        history.append(tuple(descent.misfits))
        gathers = gradients.gather(velocity)
        reached = whole.misfit(gathers)
        if reached < least:
            best, least = velocity, reached
    return Inversion(best.astype(np.float32), first, least, whole.noise, tuple(history))


class _NothingLeftError(Exception):
    """There is nothing left to explain."""


class _Descent:
    """One stage: L-BFGS over a scaled, smoothed update of a model."""

    def __init__(
        self,
        data: DataMisfit,
        gradients: ParallelGradient,
        velocity: np.ndarray,
        variation: float,
        progress: Callable[[float], None],
    ) -> None:
        self.data, self.gradients, self.velocity = data, gradients, velocity
        self.limits = gradients.acquisition.velocity_limits
        self.variation, self.progress = variation, progress
        self.misfits: list[float] = []
        _, gradient = self._misfit(velocity)
        self.flat = not gradient.any()  # nothing is left to explain
        size = np.sqrt(gaussian_filter(gradient**2, REACH))
        said = np.ones_like(size) if self.flat else size + LEAST_SIZE * size.max()
        self.said = said / said.mean()
        self.scale = 100.0 / (said * np.mean(1.0 / said))

    def run(self, iterations: int) -> np.ndarray:
        """The model with the least objective after so many iterations."""
        self._least, self._best = np.inf, self.velocity
        if self.flat:
            return self.velocity
        with contextlib.suppress(_NothingLeftError):
            minimize(
                self._objective, np.zeros(self.velocity.size), jac=True, method="L-BFGS-B",
                options={"maxiter": iterations, "maxfun": iterations + iterations // 2, "maxcor": MEMORY,
                         "gtol": 0.0, "ftol": 0.0},
            )  # fmt: skip
        return self._best

    def _objective(self, update: np.ndarray) -> tuple[float, np.ndarray]:
        moved = self.velocity + self._smooth(update.reshape(self.velocity.shape)) * self.scale
        velocity = np.clip(moved, *self.limits)
        misfit, gradient = self._misfit(velocity)
        value, charge = total_variation(velocity, EDGE, self.said)
        objective = misfit + self.variation * value
        gradient = (gradient + self.variation * charge) * (moved == velocity)
        if objective < self._least:
            self._least, self._best = objective, velocity
        if misfit <= self.data.noise:
            raise _NothingLeftError
        return 1e4 * objective, 1e4 * self._smooth(gradient * self.scale).ravel()

    def _misfit(self, velocity: np.ndarray) -> tuple[float, np.ndarray]:
        misfit, gradient = self.gradients.gradient(velocity, self.data.residual)
        self.misfits.append(misfit)
        self.progress(misfit)
        return misfit, gradient

    def _smooth(self, image: np.ndarray) -> np.ndarray:
        """A Gaussian, which is its own transpose where the model is mirrored at its sides."""
        return gaussian_filter(image, SMOOTHING, mode="reflect")
