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
    GRID, sources=3, receivers=4, samples=50, sample_interval=0.008,
    source_positions=(0.0, 101.5, 735.0), source_depth=(15.0, 22.0, 60.0),
    receiver_positions=(3.0, 330.0, 50.0, 735.0), receiver_depth=(30.0, 15.0, 41.0, 300.0),
)  # fmt: skip
VELOCITY = (1800 + 1.5 * GRID.depth[:, None] + 0.3 * GRID.x[None]).astype(np.float32)


@pytest.mark.parametrize(("free_surface", "source", "receiver"), [(False, 1, 2), (True, 2, 3)])
def test_every_trace_is_that_of_a_line_with_one_depth(free_surface, source, receiver):
    """The general line against one whose sources and receivers stand at one depth each; float32 sums in another order
    differ by some 1e-6 of the largest sample."""
    line = replace(LINE, free_surface=free_surface)
    alone = replace(line, source_depth=line.source_depth[source], receiver_depth=line.receiver_depth[receiver])
    trace = Simulator(alone).gather(VELOCITY)[source, receiver]
    ours = Simulator(line).gather(VELOCITY)[source, receiver]
    np.testing.assert_allclose(ours, trace, atol=3e-6 * np.abs(trace).max())


def test_listed_even_places_are_the_even_line_to_the_bit():
    even = Acquisition(GRID, sources=3, receivers=8, samples=30, sample_interval=0.008)
    listed = replace(even, source_positions=even.source_x, receiver_positions=even.receiver_x)
    assert listed != even
    np.testing.assert_array_equal(Simulator(listed).gather(VELOCITY), Simulator(even).gather(VELOCITY))


def test_reciprocity_between_depths_and_places_off_the_grid():
    """Exchanging source and receiver changes nothing in a medium of one velocity, but for what the layers return."""
    there = replace(LINE, sources=2, receivers=2, source_positions=(103.0, 500.0), receiver_positions=(103.0, 500.0),
                    source_depth=(20.0, 95.0), receiver_depth=(20.0, 95.0))  # fmt: skip
    gathers = Simulator(there).gather(np.full(GRID.shape, 2000, np.float32))
    np.testing.assert_allclose(gathers[0, 1], gathers[1, 0], atol=1e-3 * np.abs(gathers[0, 1]).max())


def test_traces_that_are_not_live_are_silent_and_the_others_the_same():
    live = ((0, 1), (1, 2), (3,))
    whole, moving = (Simulator(replace(LINE, live_receivers=rows)).gather(VELOCITY) for rows in (None, live))
    mask = replace(LINE, live_receivers=live).live
    np.testing.assert_array_equal(moving, whole * mask[..., None])
