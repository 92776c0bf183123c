"""Gathers of another line brought to a network's grid and samples: what is used, what is said, what is refused."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.formats.adapted import adapt, resample
from data_gen.formats.opening import open_shots
from data_gen.formats.shots import Geometry
from data_gen.grid import Grid

OURS = Acquisition(Grid(40, 44, 15.0), sources=3, receivers=12, samples=60, sample_interval=0.008)
THEIRS = Geometry(
    source_x=np.array([0.0, 200.0, 600.0, 700.0]),
    receiver_x=np.array([-50.0, 0.0, 101.5, 300.0, 645.0]),
    source_z=np.full(4, 15.0),
    receiver_z=np.array([15.0, 15.0, 30.0, 15.0, 15.0]),
    time=0.004 * np.arange(300),
)


def test_resampled_records_are_the_same_waves_at_other_times():
    """Ricker wavelets of 10 Hz, whose band ends at 30 Hz, well below any of the Nyquist frequencies: from 4 to 8 ms and
    back, and beginning later. What the cut end of a record rings is left out."""
    arrivals = np.array([0.0, 0.05, 0.123])

    def waves(time):
        return np.stack([OURS.wavelet(time - arrival) for arrival in arrivals]).astype(np.float32)

    fine, coarse = 0.004 * np.arange(119), OURS.time
    np.testing.assert_allclose(resample(waves(fine), fine, coarse)[:, :55], waves(coarse)[:, :55], atol=2e-3)
    np.testing.assert_allclose(resample(waves(coarse), coarse, fine)[:, :110], waves(fine)[:, :110], atol=2e-3)
    odd = 0.0031 * np.arange(150)
    np.testing.assert_allclose(resample(waves(odd), odd, coarse)[:, :55], waves(coarse)[:, :55], atol=2e-3)
    late = resample(waves(fine)[:, 5:], fine[5:], coarse)
    assert not late[:, :2].any()
    np.testing.assert_allclose(late[:, 3:55], waves(coarse)[:, 3:55], atol=2e-3)
    np.testing.assert_array_equal(resample(waves(coarse), coarse, coarse[:50]), waves(coarse)[:, :50])


def test_another_line_is_used_as_far_as_the_grid_reaches():
    live = np.ones((4, 5), bool)
    live[0, 1] = False
    adapted = adapt((2, 4, 5, 300), replace(THEIRS, live=live), OURS)
    line = adapted.acquisition
    np.testing.assert_array_equal(line.source_x, [0, 200, 600])
    np.testing.assert_array_equal(line.receiver_x, [0, 101.5, 300, 645])
    np.testing.assert_array_equal(line.receiver_z, [15, 30, 15, 15])
    assert (line.samples, line.sample_interval) == (60, 0.008)
    assert not line.live[0, 0]
    assert line.live.sum() == 11
    assert adapted.remarks == (
        "1 of 4 sources are beyond the network's grid: left out",
        "1 of 5 receivers are beyond the network's grid: left out",
        "resampled from 300 samples of 4 ms from 0 s on to 60 of 8 ms",
    )
    stored = np.random.default_rng(0).normal(size=(2, 4, 5, 300))
    stored[1, 1, 2, 7] = np.nan
    gathers = adapted.gathers(stored)
    assert gathers.shape == (2, 3, 4, 60)
    assert gathers.dtype == np.float32
    silent = ~gathers.any(axis=-1)
    assert {tuple(place) for place in np.argwhere(silent)} == {(0, 0, 0), (1, 0, 0), (1, 1, 1)}


def test_the_origin_moves_the_grid_along_the_line():
    far = replace(THEIRS, source_x=THEIRS.source_x + 5e5, receiver_x=THEIRS.receiver_x + 5e5)
    moved, here = adapt((4, 5, 300), far, OURS, 5e5), adapt((4, 5, 300), THEIRS, OURS)
    assert moved.acquisition == here.acquisition
    with pytest.raises(DataError, match="sources stand between 500000 and 500700 m, and the network's grid reaches"):
        adapt((4, 5, 300), far, OURS)


def test_the_line_of_training_is_itself():
    told = Geometry(OURS.source_x, OURS.receiver_x + 0.01, OURS.source_z, OURS.receiver_z, time=OURS.time)
    for geometry in (told, Geometry()):
        assert adapt(OURS.gather_shape, geometry, OURS).acquisition == OURS
    assert adapt(OURS.gather_shape, told, OURS).remarks == ()
    assert len(adapt(OURS.gather_shape, Geometry(), OURS).remarks) == 2


def test_records_of_another_length_and_another_top_are_said():
    time = THEIRS.time[:60:2]
    short = adapt((4, 5, 30), replace(THEIRS, time=time, free_surface=True), OURS)
    assert short.acquisition.samples == 30
    assert short.acquisition.free_surface
    assert "records end at 0.232 s, those of training at 0.472 s" in short.remarks
    assert "warning: recorded under a free surface, and the network was trained under an absorbing top" in " ".join(
        short.remarks
    )
    long = adapt((4, 5, 99), replace(THEIRS, time=0.008 * np.arange(99)), OURS)
    assert "records are cut after 60 of 99 samples, as in training" in long.remarks


@pytest.mark.parametrize(
    ("shape", "changes", "told"),
    [
        ((4, 5, 300), {"source_x": None}, "there are 4 sources, and nothing says where they stand"),
        ((4, 5, 300), {"time": None}, "there are 300 samples, and nothing says when"),
        ((4, 5, 300), {"time": 0.03 * np.arange(300)}, "samples every 30 ms cannot hold waves of 10 Hz"),
        ((4, 5, 300), {"time": 0.004 * np.arange(300) + 9}, "the record from 9 to .* is not that of"),
        ((4, 5, 300), {"time": np.arange(300.0) ** 2}, "not taken at even intervals"),
        ((4, 5, 300), {"live": np.zeros((4, 5), bool)}, "no trace has both"),
        ((4, 5, 300), {"receiver_z": np.full(5, 5000.0)}, "--origin METRES"),
    ],
)
def test_what_cannot_be_done_is_one_line(shape, changes, told):
    with pytest.raises(DataError, match=told) as refusal:
        adapt(shape, replace(THEIRS, **changes), OURS)
    assert "\n" not in str(refusal.value)


def test_a_pipe_in_a_zarr_store_is_told_and_not_waited_for(tmp_path):
    store = tmp_path / "gathers.zarr"
    store.mkdir()
    os.mkfifo(store / ".zmetadata")
    with pytest.raises(DataError, match=r"\.zmetadata is a pipe"), open_shots(store):
        pass
