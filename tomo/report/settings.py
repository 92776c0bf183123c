"""Tables of a report that say what something was made with: runs beside each other, a survey, the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from figures.palette import KILOMETRE
from tomo.console import duration
from tomo.report.content import Cell, Table

NAMES = {"training_models": "training models", "training_seconds": "training time"}
"""Key of a run's record -> what its row is called, where that is not the key."""


def run_tables(runs: Mapping[str, Mapping[str, Any]]) -> tuple[Table, ...]:
    """What runs differ in, and, folded, what is the same in all; of one run alone, all of it.

    `runs` are records by name, of settings and whatever else there is to know.
    """
    keys = list(dict.fromkeys(key for record in runs.values() for key in record))
    cells = {key: [_text(key, record.get(key)) for record in runs.values()] for key in keys}
    header = ("", *runs)

    def table(title: str, chosen: Sequence[str], different: bool, folded: bool) -> Table:
        rows = [(Cell(NAMES.get(key, key.replace("_", " "))), *(Cell(text, different=different) for text in cells[key]))
                for key in chosen]  # fmt: skip
        return Table(title, header, tuple(rows), folded=folded)

    if len(runs) == 1:
        return (table("The run", keys, False, False),)
    different = [key for key in keys if len(set(cells[key])) > 1]
    same = [key for key in keys if key not in different]
    tables = [table("What the runs differ in", different, True, False)] if different else []
    return (*tables, table("What is the same in all runs", same, False, True))


def recorded_versions(folder: Path) -> dict[str, str]:
    """Versions of the packages that a run was trained with, by name; none where its configuration has none."""
    try:
        versions = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("versions", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return {f"{name} (trained with)": str(version) for name, version in versions.items()}


def acquisition_rows(acquisition: Acquisition) -> tuple[tuple[Cell, ...], ...]:
    """Grid, line, clock and wavelet in words, with units."""
    grid, limits = acquisition.grid, acquisition.velocity_limits
    extent = f"{grid.x[-1] / KILOMETRE:.2f} km wide, {grid.depth[-1] / KILOMETRE:.2f} km deep"
    rows = {
        "grid": f"{len(grid.depth)} x {len(grid.x)} points (depth, x) at {grid.spacing:g} m: {extent}",
        "sources": f"{acquisition.sources}, at {_depths(acquisition.source_z)}",
        "receivers": f"{acquisition.receivers}, at {_depths(acquisition.receiver_z)}",
        "samples": f"{acquisition.samples} of {1e3 * acquisition.sample_interval:g} ms",
        "wavelet": f"Ricker, peak frequency {acquisition.peak_frequency:g} Hz",
        "velocities": f"{limits[0]:,.0f} to {limits[1]:,.0f} m/s",
        "surface": "free" if acquisition.free_surface else "absorbing",
    }
    return tuple((Cell(name), Cell(text)) for name, text in rows.items())


def machine_table(machine: Mapping[str, Any]) -> Table:
    """What the numbers of a page were computed on, and with which versions."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    rows = [("processor", machine["processor"] or "unknown"), ("cores", str(machine["cores"]))]
    rows += [("system", machine["system"]), ("versions", versions)]
    return Table(
        "The machine and software of this page", ("", ""), tuple((Cell(name), Cell(text)) for name, text in rows)
    )


def _depths(depth: np.ndarray) -> str:
    low, high = float(np.min(depth)), float(np.max(depth))
    return f"{low:g} m depth" if low == high else f"{low:g} to {high:g} m depth"


def _text(key: str, value: Any) -> str:
    if key == "training_seconds" and value is not None:
        return duration(value)
    if value is None:
        return "none" if key in ("patience", "micro_batch", "training_seconds") else "default"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
