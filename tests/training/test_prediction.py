"""Somebody's own gathers: what is read, what is refused in one line, and the unit they are brought to."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest
import xarray

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.formats.export import write_prediction
from data_gen.grid import Grid
from models.cnn import DEMO, cnn
from models.conditioning import Conditioning, training_rms
from training.archive import Card
from training.pipeline import PREDICTION_BATCH
from training.prediction import in_the_network_s_unit, open_gathers, predict_gathers
from training.predictor import Predictor
from training.settings import Settings

GRID = Acquisition(Grid(32, 32, 15.0), sources=3, receivers=32, samples=60, sample_interval=0.008)
VALUES = np.random.default_rng(0).normal(size=(PREDICTION_BATCH + 3, *GRID.gather_shape)).astype(np.float32)


@pytest.fixture(scope="module")
def predictor(network) -> Predictor:
    """The network as `load` gives it."""
    return Predictor(network, Card(Settings("adam", "cnn-demo", 1, 1), GRID, np.full((32, 32), 2500, np.float32)))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network for gathers like `VALUES`."""
    mean = VALUES.mean(0)
    deviation = np.full((1, 1, 1), (VALUES - mean).std(), np.float32)
    return cnn(DEMO, Conditioning(GRID.gather_shape, mean, deviation, np.full((32, 32), 2500, np.float32)))


def stored(path, values=VALUES, **more):
    """An HDF5 file of gathers and more."""
    with h5py.File(path, "w") as file:
        file["gathers"] = values
        for name, numbers in more.items():
            file[name] = numbers
    return path


def read(path) -> np.ndarray:
    with open_gathers(path, GRID) as gathers:
        return np.concatenate(list(gathers))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gathers_are_read_from_hdf5_netcdf_and_npy(tmp_path, dtype):
    values = VALUES.astype(dtype)
    np.save(tmp_path / "g.npy", values)
    xarray.Dataset({"gathers": (("model", "source", "receiver", "time"), values)}).to_netcdf(
        tmp_path / "g.nc", engine="h5netcdf"
    )
    for path in (tmp_path / "g.npy", tmp_path / "g.nc", stored(tmp_path / "g.h5", values)):
        assert read(path).dtype == np.float32
        np.testing.assert_array_equal(read(path), VALUES)


def test_one_survey_may_come_without_the_axis_of_models(tmp_path):
    np.testing.assert_array_equal(read(stored(tmp_path / "g.h5", VALUES[0])), VALUES[:1])


def test_whole_numbers_and_the_scales_of_a_survey_in_half_precision(tmp_path):
    whole = (100 * VALUES).round().astype(np.int16)
    np.testing.assert_array_equal(read(stored(tmp_path / "i.h5", whole)), whole)
    scale = 2.0 ** np.arange(len(VALUES))
    half = stored(tmp_path / "h.h5", VALUES.astype(np.float16), scale=scale)
    np.testing.assert_array_equal(read(half), VALUES.astype(np.float16) * scale[:, None, None, None])


def test_coordinates_that_agree_are_accepted(tmp_path):
    own = {"source": GRID.source_x, "receiver": GRID.receiver_x + 0.01, "time": GRID.time.astype(np.float32)}
    np.testing.assert_array_equal(read(stored(tmp_path / "g.h5", **own)), VALUES)


@pytest.mark.parametrize(
    ("values", "more", "told"),
    [
        (VALUES.swapaxes(1, 2), {}, r"shape \(11, 32, 3, 60\); the run needs .* = \(any, 3, 32, 60\), 3 sources"),
        (VALUES[0, 0], {}, "shape"),
        (VALUES[:0], {}, "shape"),
        (VALUES.astype(complex), {}, "complex128, not real"),
        (VALUES, {"time": 2 * GRID.time}, "another `time` axis .* 60 samples of 8 ms"),
        (VALUES, {"time": 2 * GRID.time}, r"0, 0\.016, 0\.032, \.\.\. s and not 0, 0\.008, 0\.016, \.\.\."),
        (VALUES, {"receiver_depth": np.full(32, 45.0)}, "another `receiver_depth` axis than the run: 45, 45, 45"),
        (VALUES, {"time": GRID.time[:-1]}, "59 values of `time` for 60 points"),
        (VALUES, {"receiver": GRID.receiver_x + 15.0}, "another `receiver` axis"),
        (VALUES, {"scale": np.ones(2)}, "not one each"),
    ],
)
def test_another_geometry_is_refused(tmp_path, values, more, told):
    with pytest.raises(DataError, match=told):
        read(stored(tmp_path / "g.h5", values, **more))


def test_what_is_no_file_of_gathers_is_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no data")
    (tmp_path / "text.npy").write_text("no data")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["shots"] = VALUES
        file.create_group("group/gathers")
    for path, told in (
        (tmp_path, "is a folder"),
        (tmp_path / "nowhere.h5", "does not exist"),
        (tmp_path / "text.h5", "cannot be read as HDF5 or netCDF: it is no HDF5 file"),
        (tmp_path / "text.npy", "cannot be read"),
        (tmp_path / "other.h5", "no dataset `gathers`, only: shots"),
    ):
        with pytest.raises(DataError, match=told) as refusal:
            read(path)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("value", "told"), [(np.nan, "model 9 holds"), (np.inf, "model 9 holds"), (0.0, "model 9 is")])
def test_damaged_and_silent_models_are_told(tmp_path, network, value, told):
    values = VALUES.copy()
    values[9] = 0.0 if value == 0.0 else values[9]
    values[9, 1, 2, 3] = value
    damaged = stored(tmp_path / "g.h5", values)
    with open_gathers(damaged, GRID) as gathers, pytest.raises(DataError, match=told):
        in_the_network_s_unit(gathers, network, rescale=True)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.nan, "model 9 holds 2 samples missing or not finite, the first at source 1, receiver 2, sample 3"),
        (1e20, r"2 samples of up to 1e\+20, over 1,000 times all others, the first at source 1, .* mark them by _Fill"),
    ],
)
def test_missing_samples_are_named_and_counted(tmp_path, network, value, told):
    values = VALUES.copy()
    values[9, 1, 2, 3:5] = value
    path = stored(tmp_path / "g.h5", values)
    for rescale in (False, True):
        with open_gathers(path, GRID) as gathers, pytest.raises(DataError, match=told):
            in_the_network_s_unit(gathers, network, rescale)


def test_a_fill_value_is_a_missing_sample_and_scale_factors_are_applied(tmp_path, network):
    names = ("model", "shot", "channel", "twt")
    data = xarray.Dataset({"gathers": (names, np.where(VALUES > 4.5, np.nan, VALUES))})
    encoding = {"dtype": "int32", "scale_factor": 1e-6, "_FillValue": -(2**31)}
    data.to_netcdf(tmp_path / "g.nc", engine="h5netcdf", encoding={"gathers": encoding})
    with open_gathers(tmp_path / "g.nc", GRID) as gathers:
        np.testing.assert_allclose(gathers[0:1], data.gathers[0:1], atol=1e-6)
        with pytest.raises(DataError, match="missing or not finite"):
            in_the_network_s_unit(gathers, network, rescale=True)


def test_factors_between_units_are_plausible(tmp_path, network):
    path = stored(tmp_path / "g.h5", 1e17 * VALUES.astype(np.float64))
    with open_gathers(path, GRID) as gathers, pytest.raises(DataError, match="which is no matter of units"):
        in_the_network_s_unit(gathers, network, rescale=True)


def test_coordinates_of_other_names_and_units_are_checked(tmp_path):
    names = ("model", "shot", "channel", "t")
    coordinates = {
        "sx": ("shot", GRID.source_x / 1e3, {"units": "km"}),
        "gx": ("channel", GRID.receiver_x, {"units": "m"}),
        "t": ("t", 1e3 * GRID.time, {"units": "ms"}),
    }
    xarray.Dataset({"gathers": (names, VALUES)}, coordinates).to_netcdf(tmp_path / "g.nc", engine="h5netcdf")
    np.testing.assert_array_equal(read(tmp_path / "g.nc"), VALUES)
    turned = xarray.Dataset({"gathers": (names, VALUES)}, coordinates).transpose("t", "channel", "model", "shot")
    turned.to_netcdf(tmp_path / "turned.nc", engine="h5netcdf")
    np.testing.assert_array_equal(read(tmp_path / "turned.nc"), VALUES)
    coordinates["gx"] = ("channel", GRID.receiver_x + 30, {"units": "m"})
    xarray.Dataset({"gathers": (names, VALUES)}, coordinates).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DataError, match=r"another `receiver` axis than the run: 30, 45, 60, \.\.\. m and not 0, 15"):
        read(tmp_path / "other.nc")


def test_another_top_is_refused(tmp_path):
    data = xarray.Dataset({"gathers": (("model", "source", "receiver", "time"), VALUES)}, attrs={"free_surface": 1})
    data.to_netcdf(tmp_path / "g.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="recorded under a free surface; the run was trained under an absorbing top"):
        read(tmp_path / "g.nc")


def test_netcdf_3_is_read(tmp_path):
    data = xarray.Dataset({"gathers": (("model", "source", "receiver", "time"), VALUES)})
    data.to_netcdf(tmp_path / "g.nc", engine="scipy")
    np.testing.assert_array_equal(read(tmp_path / "g.nc"), VALUES)


def test_the_network_knows_the_rms_it_was_trained_on(network):
    assert training_rms(network) == pytest.approx(np.sqrt(np.mean(VALUES.astype(float) ** 2)), rel=1e-6)


def test_gathers_of_another_unit_are_refused_or_rescaled(tmp_path, network, predictor):
    with open_gathers(stored(tmp_path / "own.h5"), GRID) as gathers:
        own = in_the_network_s_unit(gathers, network, rescale=False)
        assert own.factor == 1.0
        predicted, _ = predict_gathers(predictor, own)
    with open_gathers(stored(tmp_path / "pascals.h5", 5000 * VALUES), GRID) as pascals:
        with pytest.raises(DataError, match=r"5e\+03 times as strong .* --rescale"):
            in_the_network_s_unit(pascals, network, rescale=False)
        rescaled = in_the_network_s_unit(pascals, network, rescale=True)
        assert rescaled.factor == pytest.approx(1 / 5000, rel=1e-5)
        np.testing.assert_allclose(predict_gathers(predictor, rescaled)[0], predicted, rtol=1e-4)


def test_a_file_is_closed_when_it_is_read(tmp_path):
    path = stored(tmp_path / "g.h5")
    with open_gathers(path, GRID) as gathers:
        assert len(gathers[0:1])
    with h5py.File(path, "r+") as file:
        file["gathers"][0] = 0.0


def test_the_answer_has_coordinates_and_leaves_nothing_else_behind(tmp_path):
    velocity = np.random.default_rng(1).uniform(1500, 4500, (2, 32, 32)).astype(np.float32)
    path = tmp_path / "new" / "velocity.h5"
    write_prediction(path, velocity, GRID, {"data_misfit": np.array([0.1, np.nan])})
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        np.testing.assert_array_equal(data.velocity, velocity)
        assert data.velocity.dims == ("model", "depth", "x")
        np.testing.assert_array_equal(data.depth, GRID.grid.depth)
        np.testing.assert_array_equal(data.data_misfit, [0.1, np.nan])
        assert data.velocity.units == "m/s"
    assert [entry.name for entry in path.parent.iterdir()] == ["velocity.h5"]
