"""`tomo benchmark`: measurements that take minutes to hours; trainings are continued by typing the command again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from data_gen.errors import SettingError
from data_gen.survey.specification import SurveySpecification
from tomo.generate import preset_named
from tomo.presets import PRESETS
from tomo.tensorflow import load_tensorflow

benchmark = typer.Typer(help="Measure the parts of tomo against their peers.", no_args_is_help=True)


@benchmark.callback()
def _group() -> None:
    pass


@benchmark.command()
def simulator(
    output: Annotated[Path, typer.Option(help="JSON file of the results.")],
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = "paper",
    rounds: Annotated[int, typer.Option(min=1, help="How often every simulator takes its turn.")] = 5,
    survey: Annotated[Path | None, typer.Option(help="Make the preset's whole survey in this empty folder.")] = None,
    dtype: Annotated[str, typer.Option(help="Type of that survey's gathers on disk: float32 or float16.")] = "float32",
) -> None:
    """Time this simulator beside deepwave and plain Devito, its worker beside the processor, and a whole survey."""
    from data_gen.benchmark.report import measure, rows

    chosen = preset_named(preset)
    specification = SurveySpecification(chosen.acquisition, chosen.models, chosen.train_models, dtype=dtype)
    results = measure(specification, output, rounds, survey)
    for title, header, lines in rows(results):
        table = Table(*header, title=title, title_justify="left")
        for line in lines:
            table.add_row(*line)
        Console().print(table)
    print(f"Results are in {output}")


@benchmark.command()
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
    load_tensorflow()
    import numpy as np

    from data_gen.survey.reader import Survey
    from figures.convergence import Curve, mnist_convergence, tomography_convergence
    from tomo.presets import preset_for
    from training.benchmark.comparison import compare, summary
    from training.benchmark.problems import mnist_problem, tomography_problem
    from training.loss import KILOMETRE

    if problem == "mnist":
        chosen = mnist_problem(data, raw_pixels=raw_pixels)
        draw, unit = mnist_convergence, 1.0
    elif problem == "tomography":
        survey = Survey.open(data)
        name = preset_for(survey.specification.acquisition)
        chosen = tomography_problem(survey, name, PRESETS[name].batch_size, PRESETS[name].micro_batch)
        draw, unit = tomography_convergence, KILOMETRE**2
    else:
        raise SettingError(f"unknown problem {problem!r}: choose mnist or tomography")
    results = compare(chosen, range(seeds), epochs, output, only or ())

    table = Table("", "loss", "score", "ms/iteration", "beside Adam", "gradients", title=f"{problem}, {epochs} epochs")
    for contender, row in summary(results).items():
        table.add_row(
            contender, f"{row['loss'] * unit:.4g}", f"{row['score']:.4f}", f"{row['milliseconds_per_iteration']:.1f}",
            f"{row['cost_beside_adam']:.2f}", f"{row['gradients_per_iteration']:.2f}",
        )  # fmt: skip
    Console().print(table)
    names = ("gradient", "snapshot", "direction", "product")
    parts = Table("ms of an iteration", *names)
    for contender, row in results["cost"].items():
        if row["parts"]:
            parts.add_row(contender, *(f"{1e3 * row['parts'][f'seconds_{name}']:.1f}" for name in names))
    Console().print(parts)
    order = list(chosen.contenders)
    curves: dict[str, list[Curve]] = {}
    for row in sorted(results["repetitions"], key=lambda row: order.index(row["contender"])):
        loss, score = (np.array(row[key], float) for key in ("loss", "score"))
        curves.setdefault(row["contender"], []).append(Curve(np.arange(1, epochs + 1), loss * unit, score))
    draw(curves).savefig(output.with_suffix(".png"), dpi=150)
    print(f"Results are in {output}, the curves in {output.with_suffix('.png')}")


@benchmark.command()
def stability(
    data: Annotated[Path, typer.Option(help="Folder of the MNIST files.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")],
    epochs: Annotated[int, typer.Option(min=1, help="The most epochs; a training ends when it is past half way.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions, with seeds 0, 1, ...")] = 100,
    only: Annotated[list[str] | None, typer.Option(help="Such as 'svrg 0.01'; all of them if none.")] = None,
) -> None:
    """Count how often SQGN gets stuck or diverges on MNIST: learning rates 0.1 and 0.01, all variance reductions."""
    load_tensorflow()
    from training.benchmark.comparison import compare, failures
    from training.benchmark.problems import NOT_STUCK, mnist_problem
    from training.benchmark.problems import stability as stability_of

    problem = stability_of(mnist_problem(data))
    results = compare(problem, range(seeds), epochs, output, only or (), rounds=0)
    table = Table("", "trainings", "diverged", "stuck", "lowest accuracy", "most epochs", "roll-backs")
    for contender, row in failures(results, NOT_STUCK).items():
        table.add_row(
            contender, str(row["repetitions"]), str(row["diverged"]), str(row["stuck"]),
            f"{row['lowest_score']:.3f}", str(row["most_epochs"]), f"{row['rollbacks']:.0f}",
        )  # fmt: skip
    Console().print(table)


@benchmark.command()
def memory(
    data: Annotated[Path, typer.Option(help="Folder of a survey.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results.")],
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 2,
    only: Annotated[list[str] | None, typer.Option(help="adam, sqgn-reference or sqgn; all of them if none.")] = None,
) -> None:
    """Peak memory of a training with Adam, with SQGN as in the paper and with SQGN's defaults, by processes."""
    load_tensorflow()
    import json

    from data_gen.survey.reader import Survey
    from tomo.presets import preset_for
    from training.benchmark.comparison import machine
    from training.benchmark.memory import peak_memory
    from training.runs import write_whole

    survey = Survey.open(data)
    name = preset_for(survey.specification.acquisition)
    preset = PRESETS[name]
    results: dict[str, Any] = {
        "problem": f"tomography, {name}",
        "training_models": len(survey.train),
        "batch_size": preset.batch_size,
        "micro_batch": preset.micro_batch,
        "epochs": epochs,
        "machine": machine(),
        "peak_bytes": {},
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    sizes = (preset.batch_size, preset.micro_batch, epochs)
    for contender, peaks in peak_memory(data, only or (), name, *sizes, prepare=load_tensorflow):
        print(f"{contender}: {peaks['resident'] / 1e9:.1f} GB")
        results["peak_bytes"][contender] = peaks
        write_whole(output, json.dumps(results, indent=1) + "\n")
    print(f"Results are in {output}")
