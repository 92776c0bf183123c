"""Somebody else's velocity models: axes, spacing and unit are understood, said in one line, or refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io
import xarray

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.formats.export import write_prediction
from data_gen.grid import Grid
from data_gen.survey.specification import SurveySpecification, VelocityFile
from data_gen.velocity.files import VelocityWindows, register
from data_gen.velocity.understanding import understand

LINE = Acquisition(Grid(30, 40, 10.0), sources=2, receivers=4, samples=40, sample_interval=0.008)
MODEL = (1600 + 50 * np.arange(30.0)[:, None] + 5 * np.arange(40.0)[None]).astype(np.float32)


def files(folder) -> dict:
    """The same model in every format."""
    np.save(folder / "a.npy", MODEL)
    np.save(folder / "model7.npy", MODEL[None, None])  # OpenFWI
    scipy.io.savemat(folder / "five.mat", {"vp": MODEL, "note": "text"})
    with h5py.File(folder / "seven.mat", "w", userblock_size=512) as file:
        file["vp"] = MODEL.T
    with open(folder / "seven.mat", "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    axes = {"depth": ("depth", 0.01 * np.arange(30), {"units": "km"}), "x": ("x", 10.0 * np.arange(40), {"units": "m"})}
    data = xarray.Dataset({"velocity": (("x", "depth"), MODEL.T)}, axes)
    data.to_netcdf(folder / "four.nc", engine="h5netcdf")
    data.to_netcdf(folder / "three.nc", engine="scipy")
    with h5py.File(folder / "plain.h5", "w") as file:
        file["some/group"] = MODEL
        file["some/group"].attrs["spacing"] = [10.0, 10.0]
    write_prediction(folder / "section.sgy", MODEL[None], LINE, {})
    return {path.name: path for path in folder.iterdir()}


def test_every_format_gives_the_same_models_and_says_what_it_says(tmp_path):
    found = files(tmp_path)
    assert len(found) == 8
    for name, path in found.items():
        understood = understand(path)
        np.testing.assert_allclose(understood.velocity, MODEL[None], err_msg=name)
        says = name not in ("a.npy", "model7.npy", "five.mat", "seven.mat")
        assert understood.spacing == (pytest.approx((10.0, 10.0)) if says else None), name
        assert understood.axes == (("x", "depth") if name.endswith(".nc") else ("depth", "x")), name
    said: list[str] = []
    register(found["four.nc"], None, tell=said.append)
    assert said == [
        "four.nc: 1 model (x, depth) of 30 x 40 points, 290 m deep and 390 m wide at 10 m, 1,600 to 3,245 m/s"
    ]


def test_axes_are_those_that_are_named_or_told(tmp_path):
    np.save(tmp_path / "t.npy", MODEL.T)
    said: list[str] = []
    register(tmp_path / "t.npy", 10.0, tell=said.append)
    assert "warning: t.npy: velocity changes by 1,350 m" in said[1]
    assert "are the axes x,depth?" in said[1]
    entry = register(tmp_path / "t.npy", 10.0, "x,depth", said.append)
    assert entry.axes == "x,depth"
    assert len(said) == 3
    velocity, _ = VelocityWindows((entry,), LINE).cut(np.random.default_rng(0), 0, 1)
    np.testing.assert_array_equal(velocity, MODEL)
    xarray.Dataset({"vp": (("a", "b"), MODEL)}).to_netcdf(tmp_path / "ab.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="dimensions a, b: which of them is depth"):
        understand(tmp_path / "ab.nc")
    np.testing.assert_array_equal(understand(tmp_path / "ab.nc", "depth,x").velocity[0], MODEL)
    with pytest.raises(SettingError, match="--axes is depth,x or x,depth, not 'z,x'"):
        understand(tmp_path / "t.npy", "z,x")
    xarray.Dataset({"vp": (("z", "x"), MODEL)}).to_netcdf(tmp_path / "zx.nc", engine="h5netcdf")
    with pytest.raises(SettingError, match="other than --axes says"):
        understand(tmp_path / "zx.nc", "x,depth")


@pytest.mark.parametrize(
    ("values", "unit"),
    [(MODEL / 1e3, "km/s"), (1 / MODEL, "s/m"), (1e3 / MODEL, "s/km"), (MODEL, "m/s"), (MODEL.astype(np.int32), "m/s")],
)
def test_units_are_told_by_what_velocities_can_be(tmp_path, values, unit):
    np.save(tmp_path / "v.npy", values)
    understood = understand(tmp_path / "v.npy")
    assert understood.unit == unit
    np.testing.assert_allclose(understood.velocity[0], MODEL, rtol=1e-3)
    assert ("given in" in understood.phrase((10.0, 10.0))) == (unit != "m/s")


def test_a_file_s_own_unit_counts_first_and_nonsense_is_one_line(tmp_path):
    data = xarray.Dataset({"v": (("z", "x"), MODEL / 0.3048, {"units": "ft/s"})})
    data.to_netcdf(tmp_path / "feet.nc", engine="h5netcdf")
    np.testing.assert_allclose(understand(tmp_path / "feet.nc").velocity[0], MODEL, rtol=1e-5)
    np.save(tmp_path / "dust.npy", np.full((30, 40), 40.0))
    with pytest.raises(DataError, match="numbers around 40, which are no velocities"):
        understand(tmp_path / "dust.npy")
    uneven = {"z": ("z", np.arange(30.0) ** 2), "x": ("x", np.arange(40.0))}
    xarray.Dataset({"v": (("z", "x"), MODEL)}, uneven).to_netcdf(tmp_path / "uneven.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="points along depth that are not evenly spaced"):
        understand(tmp_path / "uneven.nc")


def test_a_model_upside_down_in_its_file_is_turned(tmp_path):
    axes = {"z": ("z", 10.0 * np.arange(30)[::-1]), "x": ("x", 10.0 * np.arange(40))}
    xarray.Dataset({"v": (("z", "x"), MODEL[::-1])}, axes).to_netcdf(tmp_path / "up.nc", engine="h5netcdf")
    np.testing.assert_array_equal(understand(tmp_path / "up.nc").velocity[0], MODEL)


def test_two_spacings_are_resampled_to_one(tmp_path):
    """A linear field is the same linear field at any points; x of 12.5 m, depth of 5 m, to 10 m."""
    z, x = 5.0 * np.arange(80), 12.5 * np.arange(50)
    np.save(tmp_path / "two.npy", (1600 + 2.0 * z[:, None] + 0.5 * x[None]).astype(np.float32))
    entry = register(tmp_path / "two.npy", (5.0, 12.5))
    assert entry.steps == (5.0, 12.5)
    velocity, where = VelocityWindows((entry,), LINE).cut(np.random.default_rng(0), 0, 1)
    wanted = 1600 + 2.0 * (LINE.grid.depth[:, None] + where["depth"]) + 0.5 * (LINE.grid.x[None] + where["x"])
    np.testing.assert_allclose(velocity[1:-1], wanted[1:-1], atol=2.5)  # smoothing bends the ends


def test_the_record_of_a_file_is_that_of_before_and_goes_through_json():
    """Without what is new where nobody said it: identities of surveys on disk are made of it."""
    old = {"path": "/a.npy", "sha256": "00", "spacing": 15.0}
    assert VelocityFile("/a.npy", "00", 15.0).to_json() == old
    for file in (VelocityFile("/a.npy", "00", 15.0), VelocityFile("/b.nc", "11", (5.0, 12.5), "x,depth")):
        specification = SurveySpecification(LINE, 4, 2, velocity_files=(file,))
        again = SurveySpecification.from_json(specification.to_json())
        assert again == specification
