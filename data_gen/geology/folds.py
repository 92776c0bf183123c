"""Folds: layers bent by a sum of smooth waves, strongest at depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_gen.geology.section import Section, Waves, draw_waves


@dataclass(frozen=True)
class Folds:
    """Waves [m] of a layer at the section's base, their share that is left at the top, and a regional dip."""

    waves: Waves
    ripples: Waves
    share_at_top: float
    dip: float


def draw_folds(rng: np.random.Generator, section: Section) -> Folds:
    """Draw folds of up to 12 % of the section's height, over 0.4 to 2 times its width.

    The regional dip is a few degrees, in one of five sections up to 19.
    """
    height, width = section.height, section.width
    amplitude = height * 0.12 * rng.beta(1.3, 2.0)
    steepness = 0.06 if rng.random() < 0.8 else 0.25
    return Folds(
        waves=draw_waves(rng, int(rng.integers(2, 5)), amplitude, (0.4 * width, 2 * width)),
        ripples=draw_waves(rng, 4, height * rng.uniform(0.0, 0.012), (0.08 * width, 0.3 * width)),
        share_at_top=float(rng.uniform(0.1, 1.0)),
        dip=float(np.clip(rng.normal(0, steepness), -0.35, 0.35)),
    )


def unfold(folds: Folds, section: Section) -> Section:
    """Take every grain of rock back to the depth it had in flat layers.

    The waves grow linearly with depth, by less than the depth itself, so that no layer is turned over.
    """
    growth = folds.share_at_top + (1 - folds.share_at_top) * np.clip(section.depth / section.height, 0, 1)
    bend = folds.waves(section.x) * growth + folds.ripples(section.x)
    return section.moved(bend + folds.dip * (section.x - section.width / 2))
