"""Sediment layers: a stack of beds over stratigraphic depth, and the velocity of the rock in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_gen.geology.section import Section
from data_gen.salt import SALT_VELOCITY

SEDIMENT_VELOCITIES = (1600.0, SALT_VELOCITY)


@dataclass(frozen=True)
class Layers:
    """Beds from top to bottom; lengths in shares of the stack's thickness, velocities in m/s.

    `tops` are the beds' upper boundaries (the first is 0), `velocities` their velocities in the middle of the
    section, `lateral` the change of velocity from its left to its right end. `gradient` is the growth of
    velocity over the whole height; the share `compaction` of it follows today's burial inside the beds.
    """

    tops: tuple[float, ...]
    velocities: tuple[float, ...]
    lateral: tuple[float, ...]
    gradient: float
    compaction: float


def draw_layers(rng: np.random.Generator, section: Section) -> Layers:
    """Draw 5 to 20 layers (fewer than one in four rows) and up to four thin beds among them.

    Velocity follows a trend of depth; each layer departs from it, one in six by a marked inversion.
    """
    rows = round(section.height / section.spacing)
    count = int(rng.integers(5, min(20, rows // 4) + 1))
    thickness = rng.gamma(2.5, size=count) + 0.6
    tops = np.concatenate([[0.0], np.cumsum(thickness)[:-1] / thickness.sum()])
    top, bottom = rng.uniform(1650, 2450), rng.uniform(2900, 4000)
    middle = (tops + np.append(tops[1:], 1.0)) / 2
    velocities = top + (bottom - top) * middle ** rng.uniform(0.7, 1.3)
    velocities += rng.normal(0, rng.uniform(20, 220), size=count)
    velocities -= (rng.random(count) < 1 / 6) * rng.uniform(150, 600, size=count)
    lateral = rng.normal(0, rng.uniform(20, 200), size=count)
    for _ in range(int(rng.choice(5, p=(0.35, 0.25, 0.2, 0.1, 0.1)))):
        tops, velocities, lateral = _with_thin_bed(rng, tops, velocities, lateral, 1 / rows)
    return Layers(
        tops=tuple(tops.tolist()),
        velocities=tuple(velocities.tolist()),
        lateral=tuple(lateral.tolist()),
        gradient=float(bottom - top),
        compaction=float(rng.uniform(0.1, 0.7)),
    )


def _with_thin_bed(
    rng: np.random.Generator, tops: np.ndarray, velocities: np.ndarray, lateral: np.ndarray, row: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split a layer by a bed of 1.5 to 3 rows that is 250 to 600 m/s faster or slower than it."""
    top, thickness = rng.uniform(0.08, 0.9), row * rng.uniform(1.5, 3.0)
    contrast = rng.uniform(250, 600) * (1 if rng.random() < 0.5 else -1)
    host = int(np.searchsorted(tops, top, side="right")) - 1
    rest = tops[host + 1 :]
    tops = np.concatenate([tops[: host + 1], [top, top + thickness], rest[rest > top + thickness]])
    skipped = len(rest) - int(np.sum(rest > top + thickness))
    below = host + skipped
    pick = np.r_[0 : host + 1, host, below, below + 1 : len(velocities)]
    velocities, lateral = velocities[pick], lateral[pick]
    velocities[host + 1] += contrast
    return tops, velocities, lateral


def layer_index(layers: Layers, share: np.ndarray) -> np.ndarray:
    """Number of the layer, from 0 at the top, at each stratigraphic depth (share of the stack), any shape."""
    return np.clip(np.searchsorted(layers.tops, share, side="right") - 1, 0, None)


def sediment_velocity(layers: Layers, share: np.ndarray, burial: np.ndarray, section: Section) -> np.ndarray:
    """Velocity [m/s] of the sediments, (depth, x), not yet held within `SEDIMENT_VELOCITIES`.

    Args:
        share: stratigraphic depth of each cell as a share of the stack's thickness, (depth, x).
        burial: today's depth of each cell below the sea floor as a share of the section's height, (depth, x).
        section: the cells' places at deposition, for the lateral change.
    """
    tops = np.asarray(layers.tops)
    middle = (tops + np.append(tops[1:], 1.0)) / 2
    index = layer_index(layers, share)
    velocity = np.asarray(layers.velocities)[index]
    velocity += np.asarray(layers.lateral)[index] * (section.x / section.width - 0.5)
    return velocity + layers.gradient * layers.compaction * (burial - middle[index])
