"""Faults: planes along which one side slipped, by a throw that dies out along and away from the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_gen.geology.section import Section


@dataclass(frozen=True)
class Fault:
    """A plane through (`depth`, `x`) that dips by `dip` [rad] towards +x (`side` 1) or -x (`side` -1).

    The hanging wall, above the plane, slipped down by `throw` [m] (normal fault) or, when it is negative, up
    (reverse). The throw is greatest at `depth`, zero `half_height` [m] above and below it, and fades over
    `reach` [m] from the plane into the hanging wall, whose layers roll over to meet it.
    """

    depth: float
    x: float
    dip: float
    side: int
    throw: float
    half_height: float
    reach: float


def draw_faults(rng: np.random.Generator, section: Section) -> tuple[Fault, ...]:
    """Draw no to five faults, mostly of one kind and one direction, as one stress field makes them."""
    count = int(rng.choice(6, p=(0.33, 0.24, 0.18, 0.12, 0.08, 0.05)))
    normal, side = rng.random() < 0.7, 1 if rng.random() < 0.5 else -1
    faults = []
    for _ in range(count):
        is_normal = normal if rng.random() < 0.85 else not normal
        throw = section.height * rng.uniform(0.02, 0.09)
        dip = np.deg2rad(rng.uniform(50, 75) if is_normal else rng.uniform(30, 55))
        faults.append(
            Fault(
                depth=section.height * float(rng.uniform(0.35, 0.9)),
                x=section.width * float(rng.uniform(0.1, 0.9)),
                dip=float(dip),
                side=side if rng.random() < 0.7 else -side,
                throw=float(throw if is_normal else -throw),
                half_height=float(max(section.height * rng.uniform(0.25, 0.8), 2.5 * throw)),
                reach=section.width * float(rng.uniform(0.15, 0.8)),
            )
        )
    return tuple(faults)


def unfault(fault: Fault, section: Section) -> Section:
    """Slip the hanging wall back up (or down) the plane; the other side stays where it is.

    The throw's bell is so wide (`half_height` at least 2.5 times the throw) that no layer is turned over.
    """
    run = 1 / np.tan(fault.dip)
    below_centre = section.depth - fault.depth
    from_plane = fault.side * (section.x - fault.x) - below_centre * run
    along = np.clip(1 - (below_centre / fault.half_height) ** 2, 0, None)
    throw = fault.throw * along**1.5 * np.exp(-np.clip(from_plane, 0, None) / fault.reach) * (from_plane > 0)
    return section.moved(-throw, -fault.side * throw * run)
