"""Statistics of the random models beside a published family: `python -m data_gen.geology.statistics`.

Published are the 1,600 public salt models of Yang and Ma (2019, Geophysics 84, R583): 5 to 10 layers of 2,000
to 4,000 m/s; salt over 2.8 to 34 % of the area (median 9.6 %), one connected body in 97 % of the models, its
top between a quarter and nine tenths of the depth. `docs/results/geology.json` is what was found last.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.geology.families import random_model
from data_gen.geology.model import EarthModel
from data_gen.geology.sea_floor import WATER_VELOCITY
from data_gen.grid import Grid
from data_gen.salt import bodies as bodies_of

DEPTH_BANDS = ("the uppermost fifth of the depth", "the second fifth", "the middle", "the fourth fifth", "the lowest")
QUANTILES = (0.01, 0.5, 0.99)


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
        bodies = len(bodies_of(salt))
    sediment = np.where(salt | (model.velocity == WATER_VELOCITY), np.nan, model.velocity)
    bands = [band[np.isfinite(band)] for band in np.array_split(sediment, len(DEPTH_BANDS))]
    velocity = np.array([np.quantile(band, (0, 0.5, 1)) if band.size else [np.nan] * 3 for band in bands])
    layers = model.parameters["layers_seen"]
    return share, top, bodies, layers, model.parameters["sea_floor"] is not None, velocity


def summary(statistics: Statistics) -> dict[str, Any]:
    """The statistics in numbers that can be written as JSON, rounded; spreads are `QUANTILES` over the models.

    Of the sediments' velocities, the spread is from the least's first to the greatest's last hundredth, around the
    median's median; in fifths of the depth from the top.
    """
    with_salt = np.isfinite(statistics.salt_share)
    return {
        "models": len(with_salt),
        "with_salt": round(float(with_salt.mean()), 3),
        "with_water": round(float(statistics.water.mean()), 3),
        "salt_share": _spread(statistics.salt_share, 3),
        "salt_top": _spread(statistics.salt_top, 2),
        "salt_in_one_body": round(float(np.mean(statistics.salt_bodies[with_salt] == 1)), 3),
        "beds": _spread(statistics.layers, 0),
        "velocity": _range(statistics.velocity),
        "velocity_by_depth": [_range(statistics.velocity[:, band]) for band in range(len(DEPTH_BANDS))],
    }


def _spread(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in np.nanquantile(values, QUANTILES)]


def _range(velocity: np.ndarray) -> list[int]:
    """Least, median and greatest of (..., 3) such velocities, the hundredths at both ends left out."""
    return [round(float(np.nanquantile(velocity[..., i], quantile))) for i, quantile in enumerate(QUANTILES)]


def table(summary: dict[str, Any]) -> str:
    """A summary beside what is published, as a table in Markdown."""
    area = [100 * value for value in summary["salt_share"]]
    top = [100 * value for value in summary["salt_top"]]
    rows = [
        ("models with salt", "100 %", f"{100 * summary['with_salt']:.0f} %"),
        ("salt, % of the area", "2.8 to 34, median 9.6", _text(area, 1)),
        ("top of the salt, % of the depth", "25 to 90", _text(top)),
        ("salt in one body", "97 %", f"{100 * summary['salt_in_one_body']:.0f} %"),
        ("beds", "5 to 10", _text(summary["beds"])),
        ("sediments, m/s", "2,000 to 4,000", _text(summary["velocity"])),
    ]
    rows += [
        (f"in {band}", "", _text(spread))
        for band, spread in zip(DEPTH_BANDS, summary["velocity_by_depth"], strict=True)
    ]
    head = [f"| | Yang and Ma, 1,600 models | here, {summary['models']:,} models |", "|---|---|---|"]
    return "\n".join(
        head + [f"| {name} | {published} | {ours} |".replace("|  |", "| |") for name, published, ours in rows]
    )


def _text(spread: list[float], digits: int = 0) -> str:
    low, middle, high = spread
    return f"{low:,.{digits}f} to {high:,.{digits}f}, median {middle:,.{digits}f}"


def main() -> None:
    """Measure models of seed 0 on the `laptop` preset's grid, print the table and write the numbers."""
    parser = argparse.ArgumentParser(prog="python -m data_gen.geology.statistics", description=main.__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    grid = Acquisition(Grid(100, 100, 15.0), sources=1, receivers=1, samples=1, sample_interval=0.008)
    begun = time.process_time()
    models = [random_model(np.random.default_rng([0, i]), grid) for i in range(arguments.models)]
    each = 1000 * (time.process_time() - begun) / len(models)
    found = summary(measure(models))
    print(f"{table(found)}\n\nhere: 1 to 99 % of the models; {each:.1f} ms of one core for a model")
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
