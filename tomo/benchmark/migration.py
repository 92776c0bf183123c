"""`tomo benchmark migration`: what panels cost, by preset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.files import write_json
from data_gen.reading import earlier_results
from tomo.console import print_table, table
from tomo.presets import PRESETS


def migration(output: Annotated[Path, typer.Option(help="JSON file of the results.")]) -> None:
    """CPU time and disk of the panels of a model, beside its simulation and gathers, for each preset."""
    from data_gen.benchmark.migration import measure_migration

    earlier_results(output, *PRESETS)
    results = measure_migration({name: preset.acquisition for name, preset in PRESETS.items()})
    write_json(output, results)
    shown = table("", "panels, CPU ms", "simulation, CPU ms", "panels, kB", "gathers, kB")
    for name in PRESETS:
        row = results[name]
        shown.add_row(
            name, f"{1e3 * row['cpu_seconds_per_model']:.0f}", f"{1e3 * row['simulation_cpu_seconds_per_model']:.0f}",
            f"{row['bytes_per_model'] / 1e3:.0f}", f"{row['gather_bytes_per_model'] / 1e3:.0f}",
        )  # fmt: skip
    print_table(shown)
    print(f"Results are in {output}")
