"""`tomo predict` on gathers of any line: SEG-Y in, sections out, the unit does not matter, dead traces are left out."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import obspy
import pytest
import segyio
import xarray
from typer.testing import CliRunner

from data_gen import Acquisition, Grid, random_model
from data_gen.formats.export import write_shots
from data_gen.migration.panels import PanelDefinition
from data_gen.migration.reference import draw_profiles
from data_gen.simulator.acoustic import Simulator
from models.conditioning import Conditioning
from models.registry import NETWORKS
from tomo.cli import app
from training.archive import Card, save_network
from training.predictor import load_predictor
from training.settings import Settings

GRID = Grid(40, 44, 15.0)
TRAINED = Acquisition(GRID, sources=3, receivers=20, samples=60, sample_interval=0.008)
FIELD = Acquisition(
    GRID, sources=4, receivers=14, samples=118, sample_interval=0.004,
    source_positions=(0.0, 201.5, 400.0, 600.0), source_depth=20.0,
    receiver_positions=tuple(10.0 + 45.25 * np.arange(14)), receiver_depth=(15.0,) * 7 + (30.0,) * 7,
    live_receivers=(tuple(range(8)), tuple(range(2, 12)), tuple(range(4, 14)), tuple(range(6, 14))),
)  # fmt: skip


@pytest.fixture(scope="module")
def models() -> np.ndarray:
    return np.stack([random_model(np.random.default_rng([0, i]), TRAINED).velocity for i in range(6)])


@pytest.fixture(scope="module")
def network(tmp_path_factory, models):
    """A network that was not trained: its answer is of the panels all the same."""
    import keras

    definition = PanelDefinition(GRID, tuple(map(tuple, np.round(draw_profiles(models, 15.0, 4), 3).tolist())))
    shape = definition.shape
    conditioning = Conditioning(
        shape, np.zeros((shape[0], 1, shape[2]), np.float32), np.full((shape[0], 1, shape[2]), 10, np.float32),
        models.mean(axis=0),
    )  # fmt: skip
    network = NETWORKS["unet"].build(conditioning, keras.Model, 0, "float32")
    for variable in network.trainable_variables:  # the last layer begins with zeros
        if not np.any(variable.numpy()):
            variable.assign(0.01 * np.random.default_rng(0).normal(size=variable.shape))
    path = tmp_path_factory.mktemp("network") / "unet.keras"
    save_network(network, Card(Settings("adamw", "unet", 1, 1), TRAINED, models.mean(axis=0), definition), path)
    return path


@pytest.fixture(scope="module")
def gathers(models) -> np.ndarray:
    return Simulator(FIELD).gather(models[5])


def predict(network, file, output, *options):
    answer = CliRunner().invoke(app, ["predict", str(network), str(file), "--output", str(output), *map(str, options)])
    assert answer.exit_code == 0, answer.exception
    with xarray.open_dataset(output) as data:
        return data.velocity.values, answer.output + answer.stderr


@pytest.fixture(scope="module")
def predicted(network, gathers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicted")
    write_shots(folder / "shots.sgy", gathers, FIELD)
    velocity, said = predict(network, folder / "shots.sgy", folder / "p.nc", "--physics", 1)
    for picture in ("p.png", "p.pdf", "p.gathers.png", "p.gathers.pdf"):
        assert (folder / picture).stat().st_size > 10_000
    return velocity, said


def test_what_was_done_is_said_and_the_answer_is_that_of_the_line(predicted, network, gathers):
    velocity, said = predicted
    assert "shots.sgy: 4 sources from 0 to 600 m and 14 receivers from 10 to 598.25 m" in said
    assert "resampled from 118 samples of 4 ms from 0 s on to 59 of 8 ms" in said
    assert "36 of 36 traces are used" in said
    assert "data misfit of the mean model" in said
    line = replace(FIELD, samples=59, sample_interval=0.008)
    same = load_predictor(network).predict(gathers[..., ::2], line)
    np.testing.assert_allclose(velocity, same, atol=3.0)  # m/s: what resampling leaves
    assert np.ptp(velocity[0], axis=1).max() > 20  # not one answer for all


def test_a_factor_changes_nothing_and_the_answer_may_be_segy(predicted, network, gathers, tmp_path):
    write_shots(tmp_path / "shots.sgy", 1000 * gathers, FIELD)
    command = ["predict", str(network), str(tmp_path / "shots.sgy"), "--output", str(tmp_path / "p.sgy")]
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == 0, answer.exception
    stream = obspy.read(str(tmp_path / "p.sgy"), format="SEGY")
    np.testing.assert_allclose(np.stack([trace.data for trace in stream]).T, predicted[0][0], atol=0.1)


def test_a_reversed_polarity_is_said_and_mended(predicted, network, gathers, tmp_path):
    write_shots(tmp_path / "shots.sgy", -gathers, FIELD)
    velocity, said = predict(network, tmp_path / "shots.sgy", tmp_path / "p.nc")
    assert "shots.sgy: in 1 model the polarity is reversed against training (within 0 degrees): turned back" in said
    spread = np.std(predicted[0])
    assert np.sqrt(np.mean((velocity - predicted[0]) ** 2)) < 0.3 * spread


def test_dead_traces_are_left_out_and_counted(network, gathers, tmp_path):
    """Silent ones, and ones with a missing sample: as if the line had not had them."""
    line = replace(
        FIELD, live_receivers=(tuple(range(7)), tuple(range(2, 12)), tuple(range(5, 14)), tuple(range(6, 14)))
    )
    write_shots(tmp_path / "without.sgy", gathers, line)
    wanted, _ = predict(network, tmp_path / "without.sgy", tmp_path / "without.nc")
    marked = np.where(FIELD.live[..., None], gathers, 0)
    marked[0, 7] = 0
    marked[2, 4, 30:33] = -999.25
    data = xarray.Dataset(
        {"gathers": (("shot", "channel", "t"), marked), "sdepth": ("shot", FIELD.source_z),
         "gz": ("channel", FIELD.receiver_z), "live": (("shot", "channel"), FIELD.live.astype("i1"))},
        {"sx": ("shot", FIELD.source_x / 1e3, {"units": "km"}), "gx": ("channel", FIELD.receiver_x, {"units": "m"}),
         "t": ("t", 1e3 * FIELD.time, {"units": "ms"})},
    )  # fmt: skip
    encoding = {"gathers": {"dtype": "float64", "_FillValue": -999.25, "scale_factor": 0.5}}
    data = data.assign(gathers=data.gathers.where(data.gathers != np.float32(-999.25)))
    data.to_netcdf(tmp_path / "shots.nc", engine="h5netcdf", encoding=encoding)
    with h5py.File(tmp_path / "shots.nc") as file:
        assert file["gathers"][2, 4, 30] == -999.25
    velocity, said = predict(network, tmp_path / "shots.nc", tmp_path / "p.nc")
    assert "34 of 36 traces are used; left out: 1 silent, 1 with missing samples (3 in all)" in said
    assert "decoded by its scale_factor, _FillValue" in said
    np.testing.assert_allclose(velocity, wanted, atol=0.5)


def test_what_cannot_be_done_is_one_line(network, gathers, tmp_path):
    write_shots(tmp_path / "shots.sgy", gathers, FIELD)
    with segyio.open(tmp_path / "shots.sgy", "r+", ignore_geometry=True) as data:
        for trace in range(data.tracecount):
            data.header[trace] = {segyio.TraceField.SourceX: data.header[trace][segyio.TraceField.SourceX] + 10**9}
    answer = CliRunner().invoke(
        app, ["predict", str(network), str(tmp_path / "shots.sgy"), "--output", str(tmp_path / "p.h5")]
    )
    assert "shots.sgy: the sources stand between 1e+06 and 1.0006e+06 m" in str(answer.exception)
    assert "\n" not in str(answer.exception)
    assert not (tmp_path / "p.h5").exists()
