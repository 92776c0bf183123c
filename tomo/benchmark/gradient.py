"""`tomo benchmark gradient`: gradients of the data misfit beside deepwave's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.files import write_json
from data_gen.reading import earlier_results
from tomo.console import print_table, table
from tomo.presets import PRESETS


def gradient(
    output: Annotated[Path, typer.Option(help="JSON file of the results.")],
    rounds: Annotated[int, typer.Option(min=1, help="How often each takes its turn.")] = 5,
) -> None:
    """CPU time of a model's gradient, beside its simulation and deepwave's gradient, for two presets."""
    import numpy as np

    from data_gen.benchmark.gradient import measure_gradients

    names = ("laptop", "paper")
    earlier_results(output, "machine", *names)
    results = measure_gradients({name: PRESETS[name].acquisition for name in names}, rounds)
    write_json(output, results)
    shown = table("", "simulation, CPU s", "gradient, CPU s", "of the simulation", "deepwave's, CPU s", "of ours")
    for name in names:
        simulation, ours, theirs = (
            float(np.median(results[name][key])) for key in ("simulation", "gradient", "deepwave")
        )
        cells = f"{simulation:.2f}", f"{ours:.2f}", f"{ours / simulation:.1f}", f"{theirs:.2f}", f"{theirs / ours:.1f}"
        shown.add_row(name, *cells)
    print_table(shown)
    print(f"Results are in {output}")
