"""Surveys and predictions in netCDF and zarr: read back by xarray and netCDF4, with CF attributes."""

from __future__ import annotations

import re
import resource
from dataclasses import replace

import netCDF4
import numpy as np
import pytest
import segyio
import xarray

from data_gen import Acquisition, Grid, Survey, SurveySpecification, generate_survey
from data_gen.errors import DataError, MachineError, SettingError
from data_gen.formats.export import export_netcdf, export_segy, export_zarr, write_prediction
from data_gen.formats.opening import open_shots
from data_gen.velocity.readers import read_stored

LINE = Acquisition(
    Grid(32, 32, 15.0), sources=3, receivers=6, samples=40, sample_interval=0.008, free_surface=True,
    live_receivers=((0, 1, 2), (1, 2, 3), (3, 4, 5)), receiver_depth=(15.0, 15.0, 15.0, 30.0, 30.0, 30.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def survey(tmp_path_factory) -> Survey:
    folder = tmp_path_factory.mktemp("export") / "survey"
    generate_survey(SurveySpecification(LINE, models=18, train_models=15, dtype="float16"), folder, workers=1)
    return Survey.open(folder)


def check(data: xarray.Dataset, survey: Survey, count: int) -> None:
    models = np.arange(count)
    assert data.attrs["Conventions"] == "CF-1.11"
    assert data.gathers.dims == ("model", "source", "receiver", "time")
    np.testing.assert_array_equal(data.gathers, survey.gathers(models))
    np.testing.assert_array_equal(data.velocity, survey.velocity(models))
    np.testing.assert_array_equal(data.salt_mask, survey.salt_mask(models))
    np.testing.assert_array_equal(data.model, models)
    np.testing.assert_array_equal(data.split, models >= 15)
    np.testing.assert_array_equal(data.live, LINE.live)
    np.testing.assert_allclose(data.receiver_depth, LINE.receiver_z)
    assert data.depth.attrs["positive"] == "down"
    assert (data.depth.attrs["standard_name"], data.x.attrs["axis"]) == ("depth", "X")
    assert data.split.attrs["flag_meanings"] == "train test"
    assert all("units" in data[name].attrs for name in data.variables)


def test_netcdf_holds_all_models_a_shard_at_a_time(survey, tmp_path):
    told: list[int] = []
    export_netcdf(survey, np.arange(18), tmp_path / "survey.nc", told.append)
    assert told == [16, 2]
    with xarray.open_dataset(tmp_path / "survey.nc", decode_timedelta=False) as data:
        check(data, survey, 18)
    with netCDF4.Dataset(tmp_path / "survey.nc") as file:
        assert file.dimensions["model"].isunlimited()
        np.testing.assert_array_equal(file["velocity"][17], survey.velocity([17])[0])
        assert file["gathers"].units == "1"
    with open_shots(tmp_path / "survey.nc") as shots:
        geometry = shots.geometry
        np.testing.assert_array_equal(shots.data[3:4], survey.gathers([3]))
    np.testing.assert_array_equal(geometry.live, LINE.live)
    np.testing.assert_allclose(geometry.receiver_z, LINE.receiver_z)
    assert geometry.free_surface is True


def test_zarr_is_the_same(survey, tmp_path):
    export_zarr(survey, np.arange(18), tmp_path / "survey.zarr")
    with xarray.open_zarr(tmp_path / "survey.zarr", decode_timedelta=False, chunks=None) as data:
        check(data, survey, 18)
    with open_shots(tmp_path / "survey.zarr") as shots:
        np.testing.assert_array_equal(shots.data[3:4], survey.gathers([3]))
        np.testing.assert_allclose(shots.geometry.time, LINE.time)


@pytest.mark.parametrize("export", [export_netcdf, export_zarr, export_segy])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_full_disk_is_one_line_that_names_what_was_asked_for(survey, tmp_path, export, share):
    """No file may grow beyond a share of the largest one: HDF5 crashes where it cannot write what it holds back."""
    export(survey, np.arange(18), tmp_path / "whole.nc")
    parts = [tmp_path / "whole.nc", *(tmp_path / "whole.nc").rglob("*")]
    limit = int(share * max(part.stat().st_size for part in parts if part.is_file()))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(MachineError) as caught:
            export(survey, np.arange(18), tmp_path / "cut.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert re.fullmatch(f"{tmp_path}/cut.nc(/00000.*.sgy)? cannot be written: File too large", str(caught.value))
    assert [path.name for path in tmp_path.iterdir()] == ["whole.nc"]


@pytest.mark.parametrize("export", [export_netcdf, export_zarr, export_segy])
def test_what_is_exported_is_whole_or_not_there(survey, tmp_path, export):
    """So that the same command does it all again after Ctrl-C."""

    def stop(models: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(survey, np.arange(18), tmp_path / "other", stop)
    assert not list(tmp_path.iterdir())
    (tmp_path / "other").symlink_to("nowhere")
    with pytest.raises(DataError, match="other"):
        export(survey, np.arange(18), tmp_path / "other")


def test_segy_is_two_files_a_model(survey, tmp_path):
    folder = tmp_path / "segy"
    export_segy(survey, np.arange(2), folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "00000-velocity.sgy", "00000.sgy", "00001-velocity.sgy", "00001.sgy",
    ]  # fmt: skip
    with open_shots(folder / "00001.sgy") as shots:
        np.testing.assert_array_equal(shots.data, survey.gathers([1])[0])
    np.testing.assert_array_equal(read_stored(folder / "00001-velocity.sgy").values, survey.velocity([1])[0])
    with segyio.open(folder / "00000.sgy", ignore_geometry=True) as data:
        assert data.tracecount == LINE.live.sum()


def test_the_survey_s_own_file_tells_its_line(survey):
    with open_shots(survey.folder / "survey.h5") as shots:
        np.testing.assert_array_equal(shots.geometry.live, LINE.live)
        np.testing.assert_allclose(shots.geometry.receiver_z, LINE.receiver_z)
        assert shots.geometry.free_surface is True
        scaled = np.asarray(shots.data[4:5], np.float32) * shots.scale[4]
        np.testing.assert_array_equal(scaled, survey.gathers([4]))


@pytest.mark.parametrize("ending", [".nc", ".h5"])
def test_predictions_have_cf_attributes(tmp_path, ending):
    velocity = np.random.default_rng(1).uniform(1500, 4500, (2, 32, 32)).astype(np.float32)
    path = tmp_path / f"p{ending}"
    write_prediction(path, velocity, replace(LINE), {"data_misfit": np.array([0.1, np.nan])}, "a title")
    with xarray.open_dataset(path) as data:
        np.testing.assert_array_equal(data.velocity, velocity)
        assert (data.attrs["Conventions"], data.attrs["title"]) == ("CF-1.11", "a title")
        assert (data.velocity.units, data.depth.positive) == ("m/s", "down")
    with netCDF4.Dataset(path) as file:
        np.testing.assert_array_equal(file["velocity"][:], velocity)
    with pytest.raises(SettingError, match="no name of an HDF5"):
        write_prediction(tmp_path / "p.png", velocity, LINE, {})
