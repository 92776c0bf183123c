"""Surveys and predictions as xarray data sets, with coordinates and attributes by the CF conventions.

CF Metadata Conventions 1.11: a unit and a name for every variable, the direction of depth, and which axis is which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray

from data_gen.acquisition import Acquisition
from data_gen.survey.reader import Survey

CONVENTIONS = "CF-1.11"

FLAGS = np.array([0, 1], np.int8)
VELOCITY = {"long_name": "P velocity", "units": "m/s"}
GATHERS = {"long_name": "pressure, per unit of the wavelet and area of a cell", "units": "1"}
SALT = {
    "long_name": "1 in salt",
    "units": "1",
    "flag_values": FLAGS,
    "flag_meanings": "sediment salt",
}


def _of_the_grid(acquisition: Acquisition) -> dict[str, Any]:
    return {
        "depth": (
            "depth",
            acquisition.grid.depth,
            {"standard_name": "depth", "long_name": "depth", "units": "m", "positive": "down", "axis": "Z"},
        ),
        "x": (
            "x",
            acquisition.grid.x,
            {"standard_name": "projection_x_coordinate", "long_name": "x", "units": "m", "axis": "X"},
        ),
    }


def _of_the_line(acquisition: Acquisition) -> dict[str, Any]:
    metres = {"units": "m"}
    return {
        "source": ("source", acquisition.source_x, {"long_name": "x of the source", **metres}),
        "receiver": ("receiver", acquisition.receiver_x, {"long_name": "x of the receiver", **metres}),
        "time": ("time", acquisition.time, {"long_name": "time since the source began", "units": "s"}),
        "source_depth": ("source", acquisition.source_z, {"long_name": "depth of the source", **metres}),
        "receiver_depth": ("receiver", acquisition.receiver_z, {"long_name": "depth of the receiver", **metres}),
    }


def _numbered(numbers: np.ndarray) -> dict[str, Any]:
    return {"model": ("model", numbers, {"long_name": "index of the model", "units": "1"})}


def survey_dataset(survey: Survey, indices: np.ndarray) -> xarray.Dataset:
    """Models of a survey in memory: gathers, velocity, salt mask, live traces and split, with all coordinates."""
    acquisition = survey.acquisition
    image = ("model", "depth", "x")
    split = np.isin(indices, survey.test).astype(np.int8)
    meaning = {"flag_values": FLAGS, "flag_meanings": "train test"}
    return xarray.Dataset(
        {
            "gathers": (("model", "source", "receiver", "time"), survey.gathers(indices), GATHERS),
            "velocity": (image, survey.velocity(indices), VELOCITY),
            "salt_mask": (image, survey.salt_mask(indices).astype(np.int8), SALT),
            "live": (
                ("source", "receiver"),
                acquisition.live.astype(np.int8),
                {"long_name": "1 where the receiver records", "units": "1"},
            ),
            "split": ("model", split, {"long_name": "what the model is for", "units": "1", **meaning}),
        },
        {**_numbered(indices), **_of_the_grid(acquisition), **_of_the_line(acquisition)},
        {
            "Conventions": CONVENTIONS,
            "title": f"tomo survey {survey.name}: {acquisition}",
            "free_surface": int(acquisition.free_surface),
            "peak_frequency": acquisition.peak_frequency,
        },
    )


def prediction_dataset(
    velocity: np.ndarray, acquisition: Acquisition, more: Mapping[str, np.ndarray], title: str
) -> xarray.Dataset:
    """Predicted `velocity` (model, depth, x) [m/s], and `more`: numbers (model,), or images [m/s] of its shape."""
    axes = ("model", "depth", "x")
    variables: dict[str, Any] = {"velocity": (axes, velocity, VELOCITY)}
    for name, values in more.items():
        units = "m/s" if values.ndim == len(axes) else "1"
        variables[name] = (axes[: values.ndim], values, {"long_name": name.replace("_", " "), "units": units})
    return xarray.Dataset(
        variables,
        {**_numbered(np.arange(len(velocity))), **_of_the_grid(acquisition)},
        {"Conventions": CONVENTIONS, "title": title},
    )
