"""The sea: water above today's sea floor, and an old sea floor on which younger, flatter layers onlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_gen.geology.section import Section, Waves, draw_waves

WATER_VELOCITY = 1500.0


@dataclass(frozen=True)
class SeaFloor:
    """A surface `depth + waves(x) + dip (x - width / 2)` [m]; layers beneath drape it by a share."""

    depth: float
    waves: Waves
    dip: float
    drape: float

    def surface(self, section: Section) -> np.ndarray:
        """Depth [m] of the surface at every cell's x, (depth, x)."""
        return self.depth + self.waves(section.x) + self.dip * (section.x - section.width / 2)


def draw_sea_floor(rng: np.random.Generator, section: Section, shallowest: float) -> SeaFloor | None:
    """Draw a sea floor in three of ten sections, nowhere shallower than `shallowest` [m]; None is land."""
    if rng.random() > 0.3:
        return None
    relief = section.height * rng.uniform(0, 0.06)
    dip = float(np.clip(rng.normal(0, 0.03), -0.08, 0.08))
    depth = shallowest + relief + abs(dip) * section.width / 2 + section.height * rng.uniform(0, 0.14)
    waves = draw_waves(rng, 3, relief, (0.4 * section.width, 2 * section.width))
    return SeaFloor(float(depth), waves, dip, float(rng.uniform(0, 1)))


def draw_unconformity(rng: np.random.Generator, section: Section) -> SeaFloor | None:
    """Draw the old sea floor in four of ten sections, with hills of up to a tenth of the height."""
    if rng.random() > 0.4:
        return None
    return SeaFloor(
        depth=section.height * float(rng.uniform(0.15, 0.5)),
        waves=draw_waves(rng, 3, section.height * rng.uniform(0.03, 0.1), (0.5 * section.width, 2 * section.width)),
        dip=float(rng.normal(0, 0.08)),
        drape=float(rng.uniform(0, 0.6)),
    )


def flatten(floor: SeaFloor, section: Section) -> Section:
    """Undo the layers' draping over `floor`: all of it (times `drape`) at the floor, less and less below."""
    surface = floor.surface(section)
    fade = np.exp(-np.clip(section.depth - surface, 0, None) / (0.3 * section.height))
    return section.moved(-floor.drape * (surface - floor.depth) * fade)
