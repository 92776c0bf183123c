"""Simple sections: a few gentle beds, risen into one dome of salt that is rooted in the base.

What the published sets of salt models look like, and Figure 3 of Thiele, Araya-Polo and Hohl (2021): no faults, no
unconformity, no water, no lenses, no thin beds, no second body, no overhang.
"""

from __future__ import annotations

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.geology.drag import Drag
from data_gen.geology.folds import Folds
from data_gen.geology.layers import Layers
from data_gen.geology.model import History, clear_depth
from data_gen.geology.salt import SALT_VELOCITIES, Dome, Hump, Salt
from data_gen.geology.section import Section, draw_waves


def draw_domes(rng: np.random.Generator, acquisition: Acquisition) -> History:
    """Draw three to seven beds, whose velocity grows with depth, and a dome through them."""
    section = Section.of(acquisition)
    return History(
        layers=_draw_beds(rng),
        folds=Folds(
            waves=draw_waves(rng, 2, section.height * rng.uniform(0.0, 0.03), (0.8 * section.width, 2 * section.width)),
            ripples=draw_waves(rng, 1, 0.0, (section.width, 2 * section.width)),
            share_at_top=0.5,
            dip=float(np.clip(rng.normal(0.0, 0.02), -0.05, 0.05)),
        ),
        old_faults=(),
        unconformity=None,
        young_faults=(),
        salt=_draw_dome(rng, section, clear_depth(acquisition)),
        drag=_draw_drag(rng, section),
        sea_floor=None,
        lenses=(),
    )


def _draw_beds(rng: np.random.Generator) -> Layers:
    count = int(rng.integers(3, 8))
    thickness = rng.gamma(4.0, size=count) + 1.0
    tops = np.concatenate([[0.0], np.cumsum(thickness)[:-1] / thickness.sum()])
    middle = (tops + np.append(tops[1:], 1.0)) / 2
    top, bottom = rng.uniform(1700, 2200), rng.uniform(3000, 3800)
    velocities = top + (bottom - top) * middle + rng.normal(0, 60.0, size=count)
    return Layers(
        tops=tuple(tops.tolist()),
        velocities=tuple(np.sort(velocities).tolist()),
        lateral=(0.0,) * count,
        gradient=float(bottom - top),
        compaction=0.0,
    )


def _draw_dome(rng: np.random.Generator, section: Section, roof: float) -> Salt:
    bed = section.height * rng.uniform(0.95, 1.05)
    height = float(bed - rng.uniform(max(0.15 * section.height, roof), 0.7 * section.height))
    half = max(section.width * rng.uniform(0.1, 0.25), 0.3 * height)
    skew = rng.uniform(0.8, 1.25)
    hump = Hump(
        x=section.width * float(rng.uniform(0.2, 0.8)),
        height=height,
        left=float(half * skew),
        right=float(half / skew),
        power=float(rng.uniform(2.0, 3.5)),
    )
    return Salt(
        bodies=(Dome(float(bed), (hump,)),),
        velocity=float(rng.uniform(*SALT_VELOCITIES)),
        roughness=section.height * float(rng.uniform(0.0, 0.002)),
        roughness_seed=int(rng.integers(2**31)),
    )


def _draw_drag(rng: np.random.Generator, section: Section) -> Drag:
    lift = section.height * rng.uniform(0.02, 0.12)
    return Drag(float(lift), float(section.height * 0.25), 0.0)
