"""What the fuzzer's commands read: gathers, velocities and acquisitions in every format, and an ensemble."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from small_survey import LINE

from data_gen.acquisition_file import to_toml
from data_gen.files import write_json
from data_gen.formats.export import export_netcdf, export_zarr, write_sections, write_shots
from data_gen.survey.reader import Survey

MEMBERS = 2


def gathers_of_all_formats(folder: Path) -> None:
    """Gathers of two models, in SEG-Y of one."""
    survey = Survey.open(folder / "survey")
    gathers = survey.gathers([30, 31])
    np.save(folder / "gathers.npy", gathers)
    with h5py.File(folder / "gathers.h5", "w") as file:
        file["gathers"] = gathers
        file["scale"] = np.ones(2)
        file["source"], file["receiver"], file["time"] = LINE.source_x, LINE.receiver_x, LINE.time
    write_shots(folder / "gathers.sgy", gathers[0], LINE)
    export_netcdf(survey, np.array([30, 31]), folder / "gathers.nc")
    export_zarr(survey, np.array([30, 31]), folder / "gathers.zarr")


def velocities_of_all_formats(folder: Path) -> None:
    """Models larger than the grid, with and without a spacing; `v73.mat` is HDF5, `openfwi.npy` has an axis more."""
    tall = np.tile(Survey.open(folder / "survey").velocity([30]), (1, 3, 4))
    np.save(folder / "velocity.npy", tall)
    np.save(folder / "openfwi.npy", tall[:, None, :70, :70])
    scipy.io.savemat(folder / "velocity.mat", {"velocity": tall[0]})
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        file["velocity"] = tall[0].T
    with open(folder / "v73.mat", "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with h5py.File(folder / "velocity.h5", "w") as file:
        file["velocity"] = tall
        file["velocity"].attrs["spacing"] = 15.0
    with h5py.File(folder / "velocity.nc", "w") as file:
        for name, points in zip(("depth", "x"), tall[0].shape, strict=True):
            file[name] = 15.0 * np.arange(points)
            file[name].make_scale(name)
        file["vp"] = tall[0]
        for axis, name in enumerate(("depth", "x")):
            file["vp"].dims[axis].attach_scale(file[name])
    line = LINE.__class__(LINE.grid.__class__(*tall[0].shape, 15.0), 3, 32, 60, 0.008)
    write_sections(folder / "velocity.sgy", tall, line)


def acquisitions(folder: Path) -> None:
    """A line as it is, and one with every field: listed places and depths, and a spread that moves."""
    (folder / "line.toml").write_text(to_toml(LINE), encoding="utf-8")
    text = to_toml(LINE).replace("receiver_depth = 15.0", f"receiver_depth = {[15.0] * 32}")
    text += f"source_positions = {[0.0, 100.0, 345.0]}\n" + 'live_receivers = ["0-20", "4-24", [8, 9, 31]]\n'
    (folder / "spread.toml").write_text(text, encoding="utf-8")


def ensemble(folder: Path) -> None:
    """Members that are copies of one another: they agree, which is no matter here."""
    for member in range(MEMBERS):
        run = folder / "ensemble" / f"member-{member}"
        shutil.copytree(folder / "cnn", run)
        config = json.loads((run / "config.json").read_text())
        write_json(run / "config.json", {**config, "survey": "../../survey"})
    record = {"members": MEMBERS, "factor": 2.0, "covered": 0.8, "models": 3}
    write_json(folder / "ensemble" / "ensemble.json", record)
