"""Lenses inside the layers: slow ones, as gas makes them, and fast ones, as filled channels are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_gen.geology.section import Section


@dataclass(frozen=True)
class Lens:
    """A body with a flat base at the share `base` of the stack's thickness, centred at `x` [m].

    It is `half_width` [m] to each side, `thickness` (share of the stack) in the middle, and changes velocity
    by the factor `factor`. `upright` domes up (gas under a seal), otherwise it sags down (a channel).
    """

    base: float
    x: float
    half_width: float
    thickness: float
    factor: float
    upright: bool


def draw_lenses(rng: np.random.Generator, section: Section) -> tuple[Lens, ...]:
    """Draw no to three lenses, two of three slow, 10 to 30 % slower than their layer."""
    two_rows = 2 * section.spacing / section.height
    lenses = []
    for _ in range(int(rng.choice(4, p=(0.55, 0.25, 0.15, 0.05)))):
        slow = bool(rng.random() < 0.67)
        lenses.append(
            Lens(
                base=float(rng.uniform(0.12, 0.8)),
                x=section.width * float(rng.uniform(0.1, 0.9)),
                half_width=section.width * float(rng.uniform(0.05, 0.18)),
                thickness=float(rng.uniform(1, 3) * max(two_rows, 0.02)),
                factor=float(rng.uniform(0.7, 0.9) if slow else rng.uniform(1.06, 1.15)),
                upright=slow,
            )
        )
    return tuple(lenses)


def with_lens(lens: Lens, velocity: np.ndarray, share: np.ndarray, section: Section) -> np.ndarray:
    """Velocity [m/s] with the lens in it; `share` is the stratigraphic depth as a share of the stack's."""
    bow = np.clip(1 - ((section.x - lens.x) / lens.half_width) ** 2, 0, None) * lens.thickness
    above = lens.base - share if lens.upright else share - lens.base
    return np.where((above > 0) & (above < bow), velocity * lens.factor, velocity)
