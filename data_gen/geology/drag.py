"""Drag: rising salt lifts and thins the layers above, turns up those at its flanks and leaves a moat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from data_gen.geology.section import Section


@dataclass(frozen=True)
class Drag:
    """Layers at the salt were lifted by `lift` [m], fading over `reach` [m]; beyond they sank by `moat`."""

    lift: float
    reach: float
    moat: float


def draw_drag(rng: np.random.Generator, section: Section) -> Drag:
    """Draw anything from salt that pierced (little lift) to salt that domed up its cover (much)."""
    lift = section.height * 0.3 * rng.beta(1.2, 1.8)
    reach = max(section.height * rng.uniform(0.1, 0.3), 1.25 * lift)
    return Drag(float(lift), float(reach), float(lift * rng.uniform(0, 0.35)))


def undrag(drag: Drag, section: Section, salt: np.ndarray, sea_floor: np.ndarray | float) -> Section:
    """Let the sediments around the `salt` (bool (depth, x)) back down; nothing moves at the sea floor [m].

    The lift falls off with the distance to the salt, so that layers above are squeezed between it and the sea
    floor by up to the factor `1 + lift / reach`. Layers under an overhang are not lifted; they stay upright
    because `reach` is greater than `lift` and the change from above to below is spread over the lift.
    """
    if not salt.any():
        return section
    distance = gaussian_filter(distance_transform_edt(~salt) * section.spacing, 1.0)
    slope = np.gradient(distance, section.spacing, axis=0)
    downward = gaussian_filter(slope, max(2.0, 0.7 * drag.lift / section.spacing), truncate=3)
    above = np.clip(0.65 - 0.65 * downward, 0, 1)
    far = distance / (2 * drag.reach)
    lift = drag.lift * np.exp(-distance / drag.reach) - drag.moat * far * np.exp(1 - far)
    cover = np.clip(section.depth - sea_floor, 0, None)
    return section.moved(above * lift * np.tanh(cover / drag.reach))
