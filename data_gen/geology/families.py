"""Random earth models of a named family."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.geology.domes import draw_domes
from data_gen.geology.model import EarthModel, History, build, check_stations, draw_history

VARIED = "varied"

FAMILIES: Mapping[str, Callable[[np.random.Generator, Acquisition], History]] = {
    VARIED: draw_history,
    "domes": draw_domes,
}
"""Name -> what draws the history of a section."""


def random_model(rng: np.random.Generator, acquisition: Acquisition, family: str = VARIED) -> EarthModel:
    """Draw an earth model for the acquisition's grid; the same state of `rng` gives the same model.

    Velocities lie within the acquisition's limits; nothing above six rows below the receivers is salt. Raises
    SettingError where that leaves no room for salt, and for an unknown family.
    """
    check_family(family)
    check_stations(acquisition)
    return build(FAMILIES[family](rng, acquisition), acquisition)


def check_family(family: str) -> None:
    """Raise SettingError for a name that is none of `FAMILIES`."""
    if family not in FAMILIES:
        raise SettingError(f"unknown geology {family!r}: choose from {', '.join(FAMILIES)}")
