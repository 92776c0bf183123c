"""A free surface at the top: the exact mirror solution, and three sides that return nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data_gen.benchmark.accuracy import difference, embed, exact_trace
from data_gen.geology import random_model
from data_gen.simulator.acoustic import Simulator
from tomo.presets import PRESETS


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
    gathers = Simulator(acquisition).gather(np.full(acquisition.grid.shape, velocity, np.float32))
    offset = acquisition.receiver_x[48]
    mirror = exact_trace(acquisition, np.hypot(offset, 2 * depth), velocity)
    exact = exact_trace(acquisition, offset, velocity) - mirror
    assert difference(gathers[0, 48], exact) < 0.007


def test_three_sides_return_nothing():
    """Salt models under a free surface, against a domain from whose sides nothing returns in time: 1 %.

    A wave at the limit of 4,800 m/s covers 2.4 s x 4,800 m/s = 2 x 384 cells: its way to the side of the large domain
    and back is longer where the margin is 200 cells and it first crosses the model; slower rock adds to it.
    """
    margin = 200
    small = replace(PRESETS["paper"].acquisition, sources=3, receivers=64, free_surface=True)
    large = embed(small, margin)
    models = (random_model(np.random.default_rng([0, i]), small) for i in range(20))
    salty = next(model.velocity for model in models if model.salt_mask.mean() > 0.1)
    ours = Simulator(small).gather(salty)
    theirs = Simulator(large).gather(np.pad(salty, ((0, margin), (margin, margin)), mode="edge"))
    for shot in range(small.sources):
        assert difference(ours[shot], theirs[shot]) < 0.01
