"""The vertical section a model is built on, and the smooth waves that bend things in it.

Geology is told backwards, as a structural geologist restores a section: every cell asks where its grain of
rock lay before the latest deformation, before the one ahead of that, and so back to the flat sea bed it was
laid on. A deformation is therefore a function from places to places; folds, faults and salt compose exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data_gen.acquisition import Acquisition

STEEPEST = 0.5


@dataclass(frozen=True)
class Section:
    """Where the rock now seen in each cell lay: `depth` and `x` in m, each (depth, x); the extent in m.

    `height` and `width` are the grid's; lengths in the geology are drawn as fractions of them, so that a
    small grid shows the same structures at a smaller scale.
    """

    depth: np.ndarray
    x: np.ndarray
    height: float
    width: float
    spacing: float

    @classmethod
    def of(cls, acquisition: Acquisition) -> Section:
        """Today's section: every cell holds the rock of its own place."""
        depth, x = np.meshgrid(acquisition.grid.depth, acquisition.grid.x, indexing="ij")
        spacing = acquisition.grid.spacing
        return cls(depth, x, acquisition.grid.depth_cells * spacing, acquisition.grid.x_cells * spacing, spacing)

    def moved(self, down: np.ndarray | float, right: np.ndarray | float = 0.0) -> Section:
        """The same cells with their rock taken from `down` m deeper and `right` m further right."""
        return replace(self, depth=self.depth + down, x=self.x + right)


@dataclass(frozen=True)
class Waves:
    """A smooth curve, `sum_i amplitude_i cos(2 pi x / wavelength_i + phase_i)`; lengths in m."""

    amplitudes: tuple[float, ...]
    wavelengths: tuple[float, ...]
    phases: tuple[float, ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The curve's height [m] at the positions `x` [m], any shape."""
        height = np.zeros(x.shape)
        for amplitude, wavelength, phase in zip(self.amplitudes, self.wavelengths, self.phases, strict=True):
            height += amplitude * np.cos(2 * np.pi * x / wavelength + phase)
        return height


def draw_waves(rng: np.random.Generator, count: int, amplitude: float, wavelengths: tuple[float, float]) -> Waves:
    """Draw `count` waves with wavelengths [m] in the given range; the shorter, the lower.

    Their heights add to at most `amplitude` [m], and none is steeper than 27 degrees.
    """
    lengths = np.exp(rng.uniform(np.log(wavelengths[0]), np.log(wavelengths[1]), size=count))
    shares = rng.uniform(0.3, 1.0, size=count) * lengths
    heights = np.minimum(amplitude * shares / shares.sum(), STEEPEST * lengths / (2 * np.pi))
    phases = rng.uniform(0, 2 * np.pi, size=count)
    return Waves(tuple(heights.tolist()), tuple(lengths.tolist()), tuple(phases.tolist()))
