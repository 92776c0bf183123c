"""One's own acquisition: any line, as a file too; what cannot be is one line; records of before are read as before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.acquisition_file import COMMENTS, read_acquisition, to_toml
from data_gen.errors import DataError, SettingError
from data_gen.geology import random_model
from data_gen.grid import Grid
from tomo.presets import PRESETS

GRID = Grid(40, 50, 15.0)
EVEN = Acquisition(GRID, sources=3, receivers=6, samples=60, sample_interval=0.008)
OWN = replace(
    EVEN,
    source_positions=(0.0, 101.5, 735.0),
    receiver_positions=(3.0, 50.0, 51.0, 300.0, 600.0, 735.0),
    source_depth=(15.0, 20.0, 60.0),
    receiver_depth=30.0,
    live_receivers=((0, 1, 2), (1, 2, 3, 5), (5,)),
)


def test_the_record_of_an_even_line_is_that_of_before():
    """To the byte: identities of surveys and runs on disk are made of it."""
    digest = hashlib.sha256(json.dumps(PRESETS["laptop"].acquisition.to_json(), sort_keys=True).encode()).hexdigest()
    assert list(EVEN.to_json())[3:] == [
        "sources", "receivers", "samples", "sample_interval", "source_depth", "receiver_depth", "peak_frequency",
        "velocity_limits", "free_surface",
    ]  # fmt: skip
    assert digest == "6813f9db66f7af3760f988db21f5f5ec088577fcedcf31575e9ec06dcadf10ad"


@pytest.mark.parametrize("line", [EVEN, OWN, replace(OWN, receivers=1, receiver_positions=(7.0,), live_receivers=None)])
def test_an_acquisition_goes_through_json_and_toml(line, tmp_path):
    assert Acquisition.from_json(json.loads(json.dumps(line.to_json()))) == line
    (tmp_path / "line.toml").write_text(to_toml(line))
    assert read_acquisition(tmp_path / "line.toml") == line
    assert all(name in to_toml(line) and comment in to_toml(line) for name, comment in COMMENTS.items())


def test_counts_may_be_left_to_the_places_and_numbers_be_whole(tmp_path):
    path = tmp_path / "line.toml"
    path.write_text(
        "depth_cells = 40\nx_cells = 50\nspacing = 15\nsamples = 60\nsample_interval = 0.008\n"
        'source_positions = [0, 100]\nreceiver_positions = [1, 2, 3]\nlive_receivers = ["0-1", [2]]\n'
    )
    line = read_acquisition(path)
    assert line.gather_shape == (2, 3, 60)
    np.testing.assert_array_equal(line.live, [[True, True, False], [False, False, True]])
    np.testing.assert_array_equal(line.receiver_x, [1, 2, 3])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source_positions": (0.0, 10.0)}, "2 positions of sources are listed, and there are 3"),
        (
            {"source_positions": (0.0, 10.0, 736.0)},
            "a source at 736 m is outside the grid, which reaches from 0",
        ),
        ({"receiver_positions": (-1.0, 1, 2, 3, 4, 5)}, "a receiver at -1 m is outside"),
        ({"receiver_positions": (np.nan, 1, 2, 3, 4, 5)}, "not all finite"),
        ({"source_depth": (15.0, 15.0)}, "2 depths of sources"),
        ({"receiver_depth": 600.0}, "a receiver depth of 600 m is outside the grid"),
        ({"source_depth": -1.0}, "outside the grid"),
        ({"live_receivers": ((0,), (1,))}, "live receivers are listed of 2 sources"),
        ({"live_receivers": ((0,), (1,), ())}, "source 2 has no live receiver"),
        ({"live_receivers": ((0,), (1,), (6,))}, "counted from 0 to 5"),
        ({"peak_frequency": 20.0}, "3.3 points a wavelength of 1000 m/s at 20 Hz, and waves need 5: a spacing of 10 m"),
        ({"sample_interval": 0.03}, "every 25 ms at least"),
        ({"velocity_limits": (1000.0, 1e9)}, "more steps in time than can be simulated"),
        ({"receivers": 10**9, "sources": 1, "samples": 1}, "at most 10,000,000"),
    ],
)
def test_what_cannot_be_is_one_line(changes, told):
    with pytest.raises(SettingError, match=told) as refusal:
        replace(EVEN, **changes)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sources = ", "cannot be read as TOML"),
        ("source = 3", "there is no field 'source': choose from depth_cells"),
        ("sources = 3", "depth_cells is missing: points of the velocity grid along depth"),
        ("depth_cells = 3", "x_cells is missing: points of the velocity grid along x"),
        (to_toml(EVEN).replace("x_cells = 50", 'x_cells = "many"'), "x_cells cannot be 'many'"),
        (to_toml(EVEN).replace("free_surface = false", "free_surface = 1"), "free_surface cannot be 1: true: the top"),
        (to_toml(EVEN).replace("[1000.0, 4800.0]", "[1000.0]"), "velocity_limits cannot be"),
        (to_toml(OWN).replace('"0-2"', '"0-x"'), 'write them as "0-23, 30"'),
        (to_toml(OWN).replace('"0-2"', "3"), "live_receivers cannot be 3"),
        (to_toml(EVEN).replace("sources = 3", "sources = 3.5"), "sources cannot be 3.5"),
    ],
)
def test_a_file_that_cannot_be_is_one_line_that_names_it(tmp_path, text, told):
    (tmp_path / "line.toml").write_text(text)
    with pytest.raises((SettingError, DataError), match=told) as refusal:
        read_acquisition(tmp_path / "line.toml")
    assert "line.toml" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_short_record_is_doubted_and_the_presets_are_not():
    assert "shorter than the way to the bottom" in replace(EVEN, samples=20).doubts()[0]
    assert [preset.acquisition.doubts() for preset in PRESETS.values()] == [[]] * 3


def test_symmetry_is_of_places_depths_and_live_traces():
    assert EVEN.symmetric
    assert not OWN.symmetric
    assert replace(EVEN, source_positions=(100.0, 367.5, 635.0)).symmetric
    assert not replace(EVEN, source_positions=(100.0, 367.5, 634.0)).symmetric
    assert not replace(EVEN, source_depth=(15.0, 15.0, 30.0)).symmetric
    assert replace(EVEN, live_receivers=((0, 1), (2, 3), (4, 5))).symmetric
    assert not replace(EVEN, live_receivers=((0, 1), (2, 3), (4,))).symmetric


def test_stations_too_deep_for_random_models_are_told():
    with pytest.raises(SettingError, match="no salt down to 6 rows below the deepest"):
        random_model(np.random.default_rng(0), replace(EVEN, receiver_depth=(15.0,) * 5 + (450.0,)))
