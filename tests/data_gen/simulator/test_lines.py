"""Lines of any kind: places, depths and live traces give the traces that each station alone would have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.grid import Grid
from data_gen.simulator.acoustic import Simulator

GRID = Grid(40, 50, 15.0)
LINE = Acquisition(
    GRID, sources=3, receivers=4, samples=50, sample_interval=0.008, free_surface=True,
    source_positions=(0.0, 101.5, 735.0), source_depth=(15.0, 22.0, 60.0),
    receiver_positions=(3.0, 330.0, 50.0, 735.0), receiver_depth=(30.0, 15.0, 41.0, 300.0),
)  # fmt: skip
VELOCITY = (1800 + 1.5 * GRID.depth[:, None] + 0.3 * GRID.x[None]).astype(np.float32)


@pytest.fixture(scope="module")
def gathers() -> np.ndarray:
    return Simulator(LINE).gather(VELOCITY)


@pytest.mark.parametrize(("source", "receiver"), [(1, 2)])
def test_a_trace_is_that_of_a_line_with_one_depth(gathers, source, receiver):
    """The general line against one whose sources and receivers stand at one depth each; float32 sums in another order
    differ by some 1e-6 of the largest sample."""
    alone = replace(LINE, source_depth=LINE.source_depth[source], receiver_depth=LINE.receiver_depth[receiver])
    trace = Simulator(alone).gather(VELOCITY)[source, receiver]
    np.testing.assert_allclose(gathers[source, receiver], trace, atol=3e-6 * np.abs(trace).max())


def test_traces_that_are_not_live_are_silent_and_the_others_the_same(gathers):
    moving = replace(LINE, live_receivers=((0, 1), (1, 2), (3,)))
    np.testing.assert_array_equal(Simulator(moving).gather(VELOCITY), gathers * moving.live[..., None])
