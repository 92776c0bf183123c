"""`tomo benchmark optimizer`: Adam, SQGN as in the paper and SQGN with the defaults, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.errors import SettingError
from tomo.console import print_table, remark, table
from tomo.presets import preset_for
from tomo.tensorflow import load_tensorflow

PROBLEMS = ("mnist", "tomography")


def optimizer(
    problem: Annotated[str, typer.Option(help="mnist or tomography.")],
    data: Annotated[Path, typer.Option(help="Folder of the MNIST files, or of a survey.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")],
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions, with seeds 0, 1, ...")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="adam, sqgn-reference or sqgn; all of them if none.")] = None,
    raw_pixels: Annotated[bool, typer.Option("--raw-pixels", help="MNIST pixels from 0 to 255.")] = False,
) -> None:
    """Train Adam, SQGN as in the paper and SQGN with the defaults on the same mini-batches."""
    if problem not in PROBLEMS:
        raise SettingError(f"unknown problem {problem!r}: choose {' or '.join(PROBLEMS)}")
    load_tensorflow()
    import numpy as np

    from data_gen.survey.reader import Survey
    from figures.convergence import Curve, mnist_convergence, tomography_convergence
    from tomo.pictures import save
    from training.benchmark.comparison import PARTS, compare, summary
    from training.benchmark.problems import mnist_problem, tomography_problem
    from training.loss import KILOMETRE

    if problem == "mnist":
        chosen = mnist_problem(data, raw_pixels=raw_pixels)
        draw, unit = mnist_convergence, 1.0
    else:
        survey = Survey.open(data)
        preset = preset_for(survey.acquisition)
        chosen = tomography_problem(survey, preset.cnn, preset.cnn_recipe.batch_size, preset.cnn_recipe.micro_batch)
        draw, unit = tomography_convergence, KILOMETRE**2
    results = compare(chosen, range(seeds), epochs, output, only or (), progress=remark)

    means = table("", "loss", "score", "ms/iteration", "beside Adam", "gradients", title=f"{problem}, {epochs} epochs")
    for contender, row in summary(results).items():
        means.add_row(
            contender, f"{row['loss'] * unit:.4g}", f"{row['score']:.4f}", f"{row['milliseconds_per_iteration']:.1f}",
            f"{row['cost_beside_adam']:.2f}", f"{row['gradients_per_iteration']:.2f}",
        )  # fmt: skip
    print_table(means)
    parts = table("ms of an iteration", *PARTS)
    for contender, row in results.get("cost", {}).items():
        if row["parts"]:
            parts.add_row(contender, *(f"{1e3 * row['parts'][f'seconds_{name}']:.1f}" for name in PARTS))
    print_table(parts)
    order = list(chosen.contenders)
    curves: dict[str, list[Curve]] = {}
    for row in sorted(results["repetitions"], key=lambda row: order.index(row["contender"])):
        loss, score = (np.array(row[key], float) for key in ("loss", "score"))
        curves.setdefault(row["contender"], []).append(Curve(np.arange(1, epochs + 1), loss * unit, score))
    picture = output.with_suffix(".png")
    save(draw(curves), picture)
    print(f"Results are in {output}, the curves in {picture}")
