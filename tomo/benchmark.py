"""`tomo benchmark`: measurements that take minutes to hours, each continued by typing it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tomo.tensorflow import load_tensorflow

benchmark = typer.Typer(help="Measure the parts of tomo against their peers.", no_args_is_help=True)


@benchmark.callback()
def _group() -> None:
    pass


@benchmark.command()
def optimizer(
    problem: Annotated[str, typer.Option(help="mnist or tomography.")],
    data: Annotated[Path, typer.Option(help="Folder of the MNIST files, or of a survey.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")],
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions, with seeds 0, 1, ...")] = 1,
    raw_pixels: Annotated[bool, typer.Option("--raw-pixels", help="MNIST pixels from 0 to 255.")] = False,
) -> None:
    """Train Adam, SQGN as in the paper and SQGN with the defaults on the same mini-batches."""
    load_tensorflow()
    import numpy as np

    from data_gen.survey import Survey
    from figures.convergence import Curve, mnist_convergence, tomography_convergence
    from tomo.presets import PRESETS, preset_for
    from training.comparison import compare, mnist_problem, summary, tomography_problem
    from training.loss import KILOMETRE
    from training.runs import RunError

    if problem == "mnist":
        chosen = mnist_problem(data, raw_pixels=raw_pixels)
        draw, unit = mnist_convergence, 1.0
    elif problem == "tomography":
        survey = Survey.open(data)
        name = preset_for(survey.specification.acquisition)
        chosen = tomography_problem(survey, name, PRESETS[name].batch_size)
        draw, unit = tomography_convergence, KILOMETRE**2
    else:
        raise RunError(f"unknown problem {problem!r}: choose mnist or tomography")
    results = compare(chosen, range(seeds), epochs, output)

    table = Table("", "loss", "score", "ms/iteration", "beside Adam", "gradients", title=f"{problem}, {epochs} epochs")
    for contender, row in summary(results).items():
        table.add_row(
            contender, f"{row['loss'] * unit:.4g}", f"{row['score']:.4f}", f"{row['milliseconds_per_iteration']:.1f}",
            f"{row['cost_beside_adam']:.2f}", f"{row['gradients_per_iteration']:.2f}",
        )  # fmt: skip
    Console().print(table)
    curves: dict[str, list[Curve]] = {}
    for row in results["repetitions"]:
        curve = Curve(np.arange(1, epochs + 1), np.array(row["loss"]) * unit, np.array(row["score"]))
        curves.setdefault(row["contender"], []).append(curve)
    draw(curves).savefig(output.with_suffix(".png"), dpi=150)
    print(f"Results are in {output}, the curves in {output.with_suffix('.png')}")
