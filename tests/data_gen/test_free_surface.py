"""A free surface at the top: the exact mirror solution, and three sides that return nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.special import hankel2

from data_gen.acoustic import Simulator
from data_gen.acquisition import Acquisition
from data_gen.geology import random_model
from tomo.presets import PRESETS


@dataclass(frozen=True)
class Embedded(Acquisition):
    """An acquisition over the middle of a model that continues `margin` cells to either side of it."""

    margin: int = 0

    def _spread(self, count):
        width = (self.x_cells - 1 - 2 * self.margin) * self.spacing
        return self.margin * self.spacing + np.linspace(0, width, count)

    @property
    def source_x(self):
        return self._spread(self.sources)

    @property
    def receiver_x(self):
        return self._spread(self.receivers)


def difference(a, b):
    """Relative L2 norm of a - b."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_exact_solution_with_a_mirrored_source():
    """Homogeneous half space: the source less its mirror above the surface, 0.7 % at 720 m.

    Source and receiver are 100 m deep, between grid points, so that weights reach over the surface too.
    """
    depth, velocity = 100.0, 2000.0
    acquisition = replace(
        PRESETS["paper"].acquisition,
        sources=2,
        receivers=100,
        source_depth=depth,
        receiver_depth=depth,
        free_surface=True,
    )
    gathers = Simulator(acquisition).gather(np.full(acquisition.image_shape, velocity, np.float32))
    step = acquisition.sample_interval / 16
    count = 8 * acquisition.samples * 16
    omega = 2 * np.pi * np.fft.rfftfreq(count, step)[1:]
    offset = acquisition.receiver_x[48]
    mirrored = np.hypot(offset, 2 * depth)
    green = hankel2(0, omega * offset / velocity) - hankel2(0, omega * mirrored / velocity)
    spectrum = np.fft.rfft(acquisition.wavelet(np.arange(count) * step))
    spectrum[0] = 0
    spectrum[1:] *= -0.25j * green
    exact = acquisition.spacing**2 * np.fft.irfft(spectrum, count)[::16][: acquisition.samples]
    assert difference(gathers[0, 48], exact) < 0.007


def test_three_sides_return_nothing():
    """Salt models under a free surface, against a domain from whose sides nothing returns in time: 1 %.

    A wave at the limit of 4,800 m/s covers 2.4 s x 4,800 m/s = 2 x 384 cells: its way to the side of the large domain
    and back is longer where the margin is 200 cells and it first crosses the model; slower rock adds to it.
    """
    margin = 200
    small = replace(PRESETS["paper"].acquisition, sources=3, receivers=64, free_surface=True)
    values = asdict(small) | {
        "x_cells": small.x_cells + 2 * margin,
        "depth_cells": small.depth_cells + margin,
    }
    large = Embedded(**values, margin=margin)
    models = (random_model(np.random.default_rng([0, i]), small) for i in range(20))
    salty = next(model.velocity for model in models if model.salt_mask.mean() > 0.1)
    ours = Simulator(small).gather(salty)
    theirs = Simulator(large).gather(np.pad(salty, ((0, margin), (margin, margin)), mode="edge"))
    for shot in range(small.sources):
        assert difference(ours[shot], theirs[shot]) < 0.01
