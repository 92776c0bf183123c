"""A random earth model: the history of a section, drawn, then undone from today back to the deposition."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.geology.drag import Drag, draw_drag, undrag
from data_gen.geology.faults import Fault, draw_faults, unfault
from data_gen.geology.folds import Folds, draw_folds, unfold
from data_gen.geology.layers import SEDIMENT_VELOCITIES, Layers, draw_layers, layer_index, sediment_velocity
from data_gen.geology.lenses import Lens, draw_lenses, with_lens
from data_gen.geology.salt import Salt, draw_salt, salt_mask
from data_gen.geology.sea_floor import (
    WATER_VELOCITY,
    SeaFloor,
    draw_sea_floor,
    draw_unconformity,
    flatten,
)
from data_gen.geology.section import Section

SALT_SHARE = 0.9
CLEAR_ROWS = 6
DEEPEST_CLEAR = 0.6
SALT_AREA = (0.008, 0.5)
MOST_DRAWS = 1000
"""Of salt, before a section that is all sea floor is left without."""

FEWEST_ROWS = 21
"""Of five layers, the fewest that are drawn."""


@dataclass(frozen=True)
class EarthModel:
    """A velocity model [m/s], float32 (depth, x), its salt, bool (depth, x), and what it was made from.

    `parameters` is the drawn `History` as a dictionary that can be written as JSON, with `layers_seen`, the
    number of beds left in the image.
    """

    velocity: np.ndarray
    salt_mask: np.ndarray
    parameters: dict[str, Any]


@dataclass(frozen=True)
class History:
    """What happened to a section, from the first event to the last; None or empty is what did not happen."""

    layers: Layers
    folds: Folds
    old_faults: tuple[Fault, ...]
    unconformity: SeaFloor | None
    young_faults: tuple[Fault, ...]
    salt: Salt | None
    drag: Drag
    sea_floor: SeaFloor | None
    lenses: tuple[Lens, ...]


def clear_depth(acquisition: Acquisition) -> float:
    """Depth [m] down to which no salt may be: six rows below the deeper of sources and receivers."""
    deeper = max(acquisition.receiver_z.max(), acquisition.source_z.max())
    return float(deeper + CLEAR_ROWS * acquisition.grid.spacing)


def check_stations(acquisition: Acquisition) -> None:
    """Raise SettingError where sources or receivers stand so deep that random models have no room for salt, or for
    their layers."""
    if acquisition.grid.depth_cells < FEWEST_ROWS:
        raise SettingError(
            f"random models have layers of four rows: {FEWEST_ROWS} points along depth at least, not "
            f"{acquisition.grid.depth_cells}, or --velocity-models"
        )
    clear, height = clear_depth(acquisition), acquisition.grid.depth[-1]
    if clear > DEEPEST_CLEAR * height:
        raise SettingError(
            f"random models have no salt down to {CLEAR_ROWS:g} rows below the deepest source or receiver, here "
            f"{clear:g} of {height:g} m: choose a deeper grid, or --velocity-models"
        )


def draw_history(rng: np.random.Generator, acquisition: Acquisition) -> History:
    """Draw the events; salt is drawn again until it covers between 0.8 and 50 % of the section, if it has room."""
    section = Section.of(acquisition)
    sea_floor = draw_sea_floor(rng, section, acquisition.receiver_z.max() + 2 * acquisition.grid.spacing)
    unconformity = draw_unconformity(rng, section)
    faults = draw_faults(rng, section)
    old = 0 if unconformity is None else int(rng.integers(len(faults) + 1))
    salt = None
    if rng.random() < SALT_SHARE:
        roof = _roof(sea_floor, section, acquisition)
        for _ in range(MOST_DRAWS):
            drawn = draw_salt(rng, section, float(roof.max()))
            if SALT_AREA[0] <= salt_mask(drawn, section, roof).mean() <= SALT_AREA[1]:
                salt = drawn
                break
    return History(
        layers=draw_layers(rng, section),
        folds=draw_folds(rng, section),
        old_faults=faults[:old],
        unconformity=unconformity,
        young_faults=faults[old:],
        salt=salt,
        drag=draw_drag(rng, section),
        sea_floor=sea_floor,
        lenses=draw_lenses(rng, section),
    )


def build(history: History, acquisition: Acquisition) -> EarthModel:
    """The model that a history leaves behind, by undoing its events from the last to the first."""
    today = place = Section.of(acquisition)
    salt = np.zeros(today.depth.shape, dtype=bool)
    if history.salt is not None:
        salt = salt_mask(history.salt, today, _roof(history.sea_floor, today, acquisition))
    floor = _floor(history.sea_floor, today)
    if history.sea_floor is not None:
        place = flatten(history.sea_floor, place)
    place = undrag(history.drag, place, salt, floor)
    for fault in reversed(history.young_faults):
        place = unfault(fault, place)
    age = _stratigraphic_depth(history, place)
    sediments = ~salt & (today.depth >= floor)
    oldest, youngest = age[sediments].max(), age[sediments].min()
    share = (age - youngest) / (oldest - youngest)
    burial = (today.depth - floor) / today.height
    velocity = sediment_velocity(history.layers, share, burial, place)
    for lens in history.lenses:
        velocity = with_lens(lens, velocity, share, place)
    velocity = np.clip(velocity, *SEDIMENT_VELOCITIES)
    velocity[today.depth < floor] = WATER_VELOCITY
    if history.salt is not None:
        velocity[salt] = history.salt.velocity
    lowest, highest = (np.float32(limit) for limit in acquisition.velocity_limits)
    velocity = np.clip(velocity.astype(np.float32), lowest, highest)
    seen = int(np.unique(layer_index(history.layers, share[sediments])).size)
    return EarthModel(velocity, salt, {"layers_seen": seen, **asdict(history)})


def _stratigraphic_depth(history: History, place: Section) -> np.ndarray:
    """Depth [m] in the stack of layers, (depth, x): flat and young above an unconformity, folded below it."""
    old = place
    for fault in reversed(history.old_faults):
        old = unfault(fault, old)
    old_depth = unfold(history.folds, old).depth
    if history.unconformity is None:
        return old_depth
    surface = history.unconformity.surface(place)
    young_depth = flatten(history.unconformity, place).depth
    below = place.depth >= surface
    gap = young_depth[~below].max(initial=-np.inf) - old_depth[below].min(initial=np.inf)
    return np.where(below, old_depth + max(gap, 0.0), young_depth)


def _floor(sea_floor: SeaFloor | None, section: Section) -> np.ndarray:
    """Depth [m] of the sea floor, (1, x); 0 on land."""
    if sea_floor is None:
        return np.zeros((1, section.x.shape[1]))
    return sea_floor.surface(section)[:1]


def _roof(sea_floor: SeaFloor | None, section: Section, acquisition: Acquisition) -> np.ndarray:
    """Depth [m] above which nothing is salt, (1, x): under the receivers and two rows under the sea floor."""
    return np.maximum(_floor(sea_floor, section) + 2 * section.spacing, clear_depth(acquisition))
