"""Salt bodies: base-rooted domes, teardrop diapirs, detached sheets and pillows, all with rough flanks.

Each shape is a function from places to inside or outside; its flanks are rough because the places are shaken
by a smooth random field before they are asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from data_gen.geology.section import Section, Waves, draw_waves

SALT_VELOCITIES = (4400.0, 4600.0)


@dataclass(frozen=True)
class Hump:
    """A rise of `height` [m] at `x` [m]; each flank has its half width [m], `power` flattens the top."""

    x: float
    height: float
    left: float
    right: float
    power: float


@dataclass(frozen=True)
class Dome:
    """Salt rooted in the base of the section, risen to one to three humps above the level `bed` [m]."""

    bed: float
    humps: tuple[Hump, ...]

    def holds(self, section: Section) -> np.ndarray:
        """Cells inside, bool (depth, x)."""
        rise = np.zeros(section.x.shape)
        for hump in self.humps:
            offset = section.x - hump.x
            flank = np.where(offset < 0, hump.left, hump.right)
            rise = np.maximum(rise, hump.height * np.exp(-(np.abs(offset / flank) ** hump.power)))
        return section.depth > self.bed - rise


@dataclass(frozen=True)
class Diapir:
    """A teardrop: a bulb whose top is at `top` [m], on a neck, on a root that widens to the base.

    Half widths [m]; `shoulder` is the depth [m] of the bulb's widest point below its top, `taper` the length
    [m] over which it narrows to the neck. A neck below zero is pinched off. The axis leans and sways.
    """

    x: float
    top: float
    bulb: float
    neck: float
    root: float
    shoulder: float
    taper: float
    lean: float
    sway: Waves

    def holds(self, section: Section) -> np.ndarray:
        """Cells inside, bool (depth, x)."""
        below = section.depth - self.top - self.shoulder
        cap = self.bulb * np.sqrt(np.clip(1 - (below / self.shoulder) ** 2, 0, None))
        stem = self.neck + (self.bulb - self.neck) * np.exp(-((below / self.taper) ** 2))
        in_root = np.clip(1 + (section.depth - section.height) / (0.25 * section.height), 0, 1)
        stem += (self.root - self.neck) * in_root**2
        axis = self.x + self.lean * below + self.sway(section.depth)
        return np.abs(section.x - axis) < np.where(below < 0, cap, stem)


@dataclass(frozen=True)
class Sheet:
    """A detached lens around the curve `depth + waves(x) + dip (x - centre)` [m], blunt at its ends.

    `up` and `down` [m] are its thickness above and below the curve. A `feeder` of that half width [m] (none
    when zero) joins it to the base at `feeder_x`; it leans by `lean` and widens towards both its ends.
    """

    depth: float
    x: float
    half_length: float
    up: float
    down: float
    dip: float
    waves: Waves
    feeder: float
    feeder_x: float
    lean: float

    def holds(self, section: Section) -> np.ndarray:
        """Cells inside, bool (depth, x)."""
        offset = section.x - self.x
        below = section.depth - self.depth - self.waves(section.x) - self.dip * offset
        bow = np.sqrt(np.clip(1 - np.abs(offset / self.half_length) ** 2.5, 0, None))
        lens = (below > -self.up * bow) & (below < self.down * bow)
        if self.feeder == 0:
            return lens
        up = np.clip((section.depth.max() - section.depth) / (section.height - self.depth), 0, 1)
        axis = self.feeder_x + self.lean * (self.depth - section.depth)
        stem = np.abs(section.x - axis) < self.feeder * (0.6 + 3 * (up - 0.6) ** 2 * (1 + up))
        return lens | (stem & (below > 0))


Body = Dome | Diapir | Sheet


@dataclass(frozen=True)
class Salt:
    """Bodies of one section, their velocity [m/s], and their flanks' roughness [m] with its own seed."""

    bodies: tuple[Body, ...]
    velocity: float
    roughness: float
    roughness_seed: int


def _draw_dome(rng: np.random.Generator, section: Section, roof: float) -> Dome:
    height, width = section.height, section.width
    bed = height * rng.uniform(0.92, 1.08)
    top = rng.uniform(roof, max(roof, min(0.98 * height, bed - 0.02 * height)))
    count = int(rng.choice((1, 2, 3), p=(0.55, 0.3, 0.15)))
    humps = []
    for i in range(count):
        rise = (bed - top) * (1 if i == 0 else rng.uniform(0.35, 0.95))
        half = max(width * rng.uniform(0.08, 0.3) / count**0.5, 0.18 * rise)
        skew = rng.uniform(0.6, 1.6)
        humps.append(
            Hump(
                x=width * float(rng.uniform(0.05, 0.95)),
                height=float(rise),
                left=float(half * skew),
                right=float(half / skew),
                power=float(rng.uniform(1.9, 5.0)),
            )
        )
    return Dome(float(bed), tuple(humps))


def _draw_diapir(rng: np.random.Generator, section: Section, roof: float) -> Diapir:
    height, width = section.height, section.width
    top = rng.uniform(roof, max(roof, 0.6 * height))
    bulb = width * rng.uniform(0.08, 0.22)
    return Diapir(
        x=width * float(rng.uniform(0.15, 0.85)),
        top=float(top),
        bulb=float(bulb),
        neck=float(bulb * rng.uniform(-0.25, 0.65)),
        root=width * float(rng.uniform(0.02, 0.35)),
        shoulder=float(bulb * rng.uniform(0.5, 1.1)),
        taper=float((height - top) * rng.uniform(0.2, 0.5)),
        lean=float(np.clip(rng.normal(0, 0.25), -0.6, 0.6)),
        sway=draw_waves(rng, 2, width * rng.uniform(0, 0.04), (0.4 * height, height)),
    )


def _draw_sheet(rng: np.random.Generator, section: Section, roof: float) -> Sheet:
    height, width = section.height, section.width
    pillow = rng.random() < 0.4
    half = width * (rng.uniform(0.1, 0.22) if pillow else rng.uniform(0.2, 0.5))
    thick = height * (rng.uniform(0.1, 0.22) if pillow else rng.uniform(0.06, 0.16))
    up = thick * rng.uniform(0.4, 0.8)
    depth = rng.uniform(roof + up, max(0.8 * height, roof + up + 1))
    x = width * rng.uniform(0.1, 0.9)
    fed = rng.random() < 0.25
    return Sheet(
        depth=float(depth),
        x=float(x),
        half_length=float(half),
        up=float(up),
        down=float(thick - up),
        dip=float(np.clip(rng.normal(0, 0.12), -0.35, 0.35)),
        waves=draw_waves(rng, 2, height * rng.uniform(0, 0.06), (0.4 * width, 1.5 * width)),
        feeder=float(width * rng.uniform(0.03, 0.06)) if fed else 0.0,
        feeder_x=float(x + half * rng.uniform(-0.6, 0.6)),
        lean=float(rng.normal(0, 0.2)),
    )


def draw_salt(rng: np.random.Generator, section: Section, roof: float) -> Salt:
    """Draw one body, in one of seven sections two, whose tops are meant to lie below the depth `roof` [m]."""
    draw: tuple[Callable[..., Body], ...] = (_draw_dome, _draw_diapir, _draw_sheet)
    count = 2 if rng.random() < 1 / 7 else 1
    kinds = rng.choice(3, size=count, replace=False, p=(0.42, 0.28, 0.3))
    return Salt(
        bodies=tuple(draw[kind](rng, section, roof) for kind in kinds),
        velocity=float(rng.uniform(*SALT_VELOCITIES)),
        roughness=section.height * float(rng.uniform(0.005, 0.025)),
        roughness_seed=int(rng.integers(2**31)),
    )


def salt_mask(salt: Salt, section: Section, roof: np.ndarray) -> np.ndarray:
    """Cells of salt, bool (depth, x): none above the depth `roof` [m], (depth, x) or (1, x)."""
    shaken = section.moved(*_shaking(salt, section))
    mask = np.zeros(section.depth.shape, dtype=bool)
    for body in salt.bodies:
        mask |= body.holds(shaken)
    return mask & (section.depth >= roof)


def _shaking(salt: Salt, section: Section) -> tuple[np.ndarray, np.ndarray]:
    """Smooth random displacements down and right [m], each (depth, x), of root mean square `roughness`."""
    rng = np.random.default_rng(salt.roughness_seed)
    cells = section.height / section.spacing
    fields = []
    for _ in range(2):
        coarse, fine = (_noise(rng, section.depth.shape, cells * scale) for scale in (0.06, 0.02))
        fields.append(salt.roughness * (0.85 * coarse + 0.5 * fine))
    return fields[0], fields[1]


def _noise(rng: np.random.Generator, shape: tuple[int, ...], cells: float) -> np.ndarray:
    """Random field of unit deviation, smooth over `cells` cells."""
    field = gaussian_filter(rng.standard_normal(shape), cells, mode="reflect", truncate=3)
    return field / field.std()
