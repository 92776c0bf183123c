"""`tomo benchmark paper`: the tables of the paper's section 6, its numbers beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tomo.console import print_table, remark, table
from tomo.tensorflow import load_tensorflow

Output = Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")]
Seeds = Annotated[int, typer.Option(min=1, help="Repetitions, with seeds 0, 1, ...")]
Only = Annotated[list[str] | None, typer.Option(help="A table or a training by name, may be given again; all if none.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs of each training, for a shorter look.")]
Processes = Annotated[int, typer.Option(min=1, help="Trainings at a time, each on one thread.")]


def mnist(
    data: Annotated[Path, typer.Option(help="Folder of the MNIST files.")],
    output: Output,
    seeds: Seeds = 5,
    only: Only = None,
    epochs: Epochs = None,
    processes: Processes = 1,
    raw_pixels: Annotated[
        bool,
        typer.Option("--raw-pixels/--unit-pixels", help="Up to 255, as the authors' code feeds them, or up to 1."),
    ] = True,
) -> None:
    """Section 6.1: SGD, SVRG, Adam and SQGN on MNIST; learning rates, mini-batches, variance reduction."""
    from training.benchmark.paper import MNIST
    from training.benchmark.reproduction import reproduce_mnist

    names = MNIST.chosen(only or ())
    results = reproduce_mnist(
        MNIST, data, raw_pixels, names=names, seeds=seeds, epochs=epochs or MNIST.epochs, output=output,
        processes=processes, progress=_tell, prepare=load_tensorflow,
    )  # fmt: skip
    _show(MNIST, results, output)


def tomography(
    data: Annotated[Path, typer.Option(help="Folder of a survey.")],
    output: Output,
    seeds: Seeds = 3,
    only: Only = None,
    epochs: Epochs = None,
    processes: Processes = 1,
) -> None:
    """Section 6.2: Adam and SQGN on a survey, with the paper's network in the size for its gathers."""
    from data_gen.survey.reader import Survey
    from tomo.benchmark.paper_pictures import draw_models
    from tomo.presets import preset_for
    from training.benchmark.paper import TOMOGRAPHY
    from training.benchmark.reproduction import reproduce_tomography

    names = TOMOGRAPHY.chosen(only or ())
    survey = Survey.open(data)
    preset = preset_for(survey.acquisition)
    results = reproduce_tomography(
        TOMOGRAPHY, data, preset.cnn, preset.cnn_recipe, output, names=names, seeds=seeds,
        epochs=epochs or TOMOGRAPHY.epochs, processes=processes, progress=_tell, prepare=load_tensorflow,
    )  # fmt: skip
    _show(TOMOGRAPHY, results, output)
    picture = output.with_name(f"{output.stem}-models.png")
    if draw_models(TOMOGRAPHY, output, survey.acquisition, picture):
        print(f"Predictions are in {picture}")


def _tell(row: dict[str, Any]) -> None:
    if "cost_of" in row:
        cost = {name: 1e3 * np.median(seconds) for name, seconds in row["seconds_per_iteration"].items()}
        remark(", ".join(f"{name}: {value:.1f} ms" for name, value in cost.items()))
    else:
        remark(f"{row['training']}, seed {row['seed']}: loss {row['loss'][-1]}, score {row['score'][-1]}")


def _show(experiment: Any, results: dict[str, Any], output: Path) -> None:
    from tomo.benchmark.paper_pictures import draw_convergence
    from training.benchmark.paper_tables import cells, header

    for each in experiment.tables.values():
        shown = table(*header(experiment), title=f"{each.title}, {results['epochs']} epochs")
        for row in cells(experiment, each, results):
            shown.add_row(*row)
        print_table(shown)
    picture = output.with_suffix(".png")
    draw_convergence(experiment, results, picture)
    print(f"Results are in {output}, the curves in {picture}")
