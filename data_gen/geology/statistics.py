"""Statistics of the random models beside a published family: `python -m data_gen.geology.statistics`.

Published are the 1,600 public salt models of Yang and Ma (2019, Geophysics 84, R583): 5 to 10 layers of 2,000
to 4,000 m/s; salt over 2.8 to 34 % of the area (median 9.6 %), one connected body in 97 % of the models, its
top between a quarter and nine tenths of the depth.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from data_gen.acquisition import Acquisition
from data_gen.geology.model import EarthModel, random_model
from data_gen.geology.sea_floor import WATER_VELOCITY

SMALLEST_BODY = 0.002
DEPTH_BANDS = 5


@dataclass(frozen=True)
class Statistics:
    """What was measured on n models, one entry a model; NaN where a model has no salt.

    `salt_share` (n,) of the area; `salt_top` (n,), depth of the topmost salt as a share of the section's;
    `salt_bodies` (n,), connected bodies over 0.2 % of the area; `layers` (n,), beds seen; `water` (n,) bool;
    `velocity` (n, 5, 3) [m/s], least, median and greatest of the sediments in fifths of the depth.
    """

    salt_share: np.ndarray
    salt_top: np.ndarray
    salt_bodies: np.ndarray
    layers: np.ndarray
    water: np.ndarray
    velocity: np.ndarray


def measure(models: Iterable[EarthModel]) -> Statistics:
    """Measure a set of models, all of one shape."""
    rows = [_measure_one(model) for model in models]
    return Statistics(*(np.array(column) for column in zip(*rows, strict=True)))


def _measure_one(model: EarthModel) -> tuple[float, float, float, int, bool, np.ndarray]:
    salt = model.salt_mask
    share = top = bodies = np.nan
    if salt.any():
        share = float(salt.mean())
        top = float(np.argmax(salt.any(axis=1)) / salt.shape[0])
        sizes = np.bincount(label(salt)[0].ravel())[1:]
        bodies = int(np.sum(sizes > SMALLEST_BODY * salt.size))
    sediment = np.where(salt | (model.velocity == WATER_VELOCITY), np.nan, model.velocity)
    bands = [band[np.isfinite(band)] for band in np.array_split(sediment, DEPTH_BANDS)]
    velocity = np.array([np.quantile(band, (0, 0.5, 1)) if band.size else [np.nan] * 3 for band in bands])
    layers = model.parameters["layers_seen"]
    return share, top, bodies, layers, model.parameters["sea_floor"] is not None, velocity


def table(statistics: Statistics) -> str:
    """The measured statistics beside the published ones, as a table in Markdown."""
    share, top = 100 * statistics.salt_share, 100 * statistics.salt_top
    rows = [
        ("models with salt", "100%", f"{np.isfinite(share).mean():.0%}"),
        ("salt, % of the area", "2.8 to 34, median 9.6", _spread(share, 1)),
        ("top of the salt, % of the depth", "25 to 90", _spread(top)),
        ("salt in one body", "97%", f"{np.mean(statistics.salt_bodies[np.isfinite(share)] == 1):.0%}"),
        ("beds seen", "5 to 10", _spread(statistics.layers)),
        ("models with water", "-", f"{statistics.water.mean():.0%}"),
        ("sediments, m/s", "2,000 to 4,000", _range(statistics.velocity)),
    ]
    for band in range(DEPTH_BANDS):
        first, last = 100 * band // DEPTH_BANDS, 100 * (band + 1) // DEPTH_BANDS
        name = f"sediments at {first} to {last} % of the depth, m/s"
        rows.append((name, "-", _range(statistics.velocity[:, band])))
    head = ["| | Yang and Ma | here: 1 to 99 % of models, median |", "|---|---|---|"]
    return "\n".join(head + [f"| {name} | {published} | {ours} |" for name, published, ours in rows])


def _spread(values: np.ndarray, digits: int = 0) -> str:
    low, middle, high = np.nanquantile(values, (0.01, 0.5, 0.99))
    return f"{low:,.{digits}f} to {high:,.{digits}f}, median {middle:,.{digits}f}"


def _range(velocity: np.ndarray) -> str:
    """Range of a set of (least, median, greatest) velocities, the hundredths at both ends left out."""
    low, high = np.nanquantile(velocity[..., 0], 0.01), np.nanquantile(velocity[..., 2], 0.99)
    return f"{low:,.0f} to {high:,.0f}, median {np.nanmedian(velocity[..., 1]):,.0f}"


def main(count: int = 1000, cells: int = 100) -> None:
    """Measure `count` models on a grid of `cells` x `cells` cells of 15 m and print the table."""
    grid = Acquisition(cells, cells, 15.0, sources=1, receivers=1, samples=1, sample_interval=0.008)
    print(table(measure(random_model(np.random.default_rng([0, i]), grid) for i in range(count))))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
