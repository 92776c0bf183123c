"""`tomo benchmark rivals`: SQGN and the optimizers that people use, tuned alike, at equal time of one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomo.console import print_table, remark, table
from tomo.presets import preset_for
from tomo.tensorflow import load_tensorflow


def rivals(
    task: Annotated[str, typer.Argument(help="mnist, autoencoder, pinn, unet or cnn.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the MNIST files, or of a survey; none for pinn.")] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="Processor seconds of each training.")] = 20.0,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of each best setting, with seeds 0, 1, ...")] = 5,
    processes: Annotated[int, typer.Option(min=1, help="Trainings at a time, each of one thread.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="sgd, adam, adamw, muon, lion, sqgn or sqgn-m4; all if none.")
    ] = None,
) -> None:
    """Tune SQGN and its rivals over as many settings each, and train the best of each from several seeds."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from figures.rivals import Progress, rivals_convergence
    from tomo.pictures import save_with_pdf
    from training.benchmark.rivals.outcome import curves, outcome
    from training.benchmark.rivals.race import race

    network = preset_for(Survey.open(data).acquisition).cnn if task == "cnn" and data is not None else ""
    results = race(task, data, network, seconds, seeds, output, only or (), processes, remark, load_tensorflow)
    shown = table(
        "", "mini-batch", "rate", "ms/iteration", "loss at a quarter", "at half", "at the end", "score",
        "first trial", "trials to 2 %", title=f"{task}, {seconds:g} s of one thread, {seeds} seeds",
    )  # fmt: skip
    for name, row in outcome(results).items():
        shown.add_row(
            name, str(row.batch_size), f"{row.rate:g}{row.edge}", f"{row.milliseconds:.1f}",
            *(f"{mean:.4g} ± {deviation:.2g}" for mean, deviation in (row.quarter, row.half, row.end, row.score)),
            f"{row.first_trial:.4g}", str(row.trials),
        )  # fmt: skip
    print_table(shown)
    print("A rate marked < or > was the lowest or the highest that was tried.")
    picture = output.with_suffix(".png")
    drawn = {name: Progress(*arrays) for name, arrays in curves(results).items()}
    save_with_pdf(rivals_convergence({task: drawn}), picture)
    print(f"Results are in {output}, the curves in {picture}")
