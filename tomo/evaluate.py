"""`tomo evaluate`: score runs beside the mean model, and draw what they predict."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    from data_gen.survey import Survey
    from training.evaluation import Evaluation
    from training.runs import Run

SCORES = {
    "loss": ("loss (m/s)²", "{:.3e}"),
    "mse": ("MSE (m/s)²", "{:.3e}"),
    "rmse": ("RMSE m/s", "{:.0f}"),
    "mae": ("MAE m/s", "{:.0f}"),
    "ssim": ("SSIM", "{:.3f}"),
    "salt_iou": ("salt IoU", "{:.2f}"),
    "salt_found": ("salt found", "{:.2f}"),
    "salt_top_error": ("salt top m", "{:.0f}"),
    "data_misfit": ("data misfit", "{:.3f}"),
}


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Folders of one or several finished runs.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for tables and figures; default: `evaluation` in the first run."),
    ] = None,
    survey: Annotated[
        Path | None, typer.Option(help="Score on the test models of another survey of the same geometry.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Models in the figure of predictions.")] = 4,
    physics: Annotated[
        int,
        typer.Option(min=0, help="Simulate the surveys of this many predictions and report the data misfit."),
    ] = 0,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also score against noise and missing receivers.")
    ] = False,
) -> None:
    """Score runs on a survey's test models, beside the mean model of the training set."""
    load_tensorflow()
    from data_gen.survey import Survey
    from training.evaluation import evaluate as evaluate_runs
    from training.evaluation import write_scores
    from training.runs import RunError, open_run

    opened = [open_run(folder) for folder in runs]
    if len({run.name for run in opened}) < len(opened):
        raise RunError("several runs have the same folder name: tables and figures could not tell them apart")
    tested = Survey.open(survey or opened[0].survey)
    if not len(tested.test):
        raise RunError(f"{tested.folder} has no test models")
    folder = output or runs[0] / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)

    evaluation = evaluate_runs(opened, tested, tested.test)
    misfits = _physics(evaluation, tested, physics, folder) if physics else {}
    write_scores(evaluation, folder, {"survey": str(tested.folder)}, misfits)
    _draw(evaluation, opened, tested, samples, folder)
    if robustness:
        _robustness(evaluation, opened, tested, folder)
    _print_table(evaluation, misfits, f"{len(tested.test)} test models of {tested.folder}")
    print(f"Scores and figures are in {folder}")


def _print_table(evaluation: Evaluation, misfits: Mapping[str, Mapping[str, float]], title: str) -> None:
    rows = {name: {**dataclasses.asdict(means), **misfits.get(name, {})} for name, means in evaluation.means().items()}
    table = Table("", *rows, title=title)
    for score, (heading, form) in SCORES.items():
        if score != "data_misfit" or misfits:
            table.add_row(heading, *(form.format(values[score]) for values in rows.values()))
    Console().print(table)


def _physics(evaluation: Evaluation, survey: Survey, count: int, folder: Path) -> dict[str, dict[str, float]]:
    """Mean data misfit of each predictor's first models, and the figure of the last run's best, median and worst."""
    import numpy as np

    from data_gen.acoustic import Simulator
    from figures.gathers import gather_comparison
    from training.metrics import gather_misfit

    acquisition = survey.specification.acquisition
    simulator = Simulator(acquisition)
    given = survey.gathers(evaluation.indices[:count])
    misfits: dict[str, dict[str, float]] = {"true model": {"data_misfit": 0.0}}
    for name, prediction in evaluation.predictions.items():
        allowed = np.clip(prediction[:count], *acquisition.velocity_limits)
        simulated = np.stack([simulator.gather(velocity) for velocity in allowed])
        each = gather_misfit(simulated, given)
        misfits[name] = {"data_misfit": float(np.mean(each))}
    order = np.argsort(each)
    chosen = [order[0], order[len(order) // 2], order[-1]]
    middle = acquisition.sources // 2
    gather_comparison(
        given[chosen, middle], simulated[chosen, middle], acquisition.receiver_x, acquisition.time,
        cases=["best", "median", "worst"], misfits=list(each[chosen]),
    ).savefig(folder / "physics.png", dpi=150)  # fmt: skip
    return misfits


def _robustness(evaluation: Evaluation, runs: Sequence[Run], survey: Survey, folder: Path) -> None:
    """Sweeps of noise and missing receivers: `robustness.json` and `robustness.png`."""
    import numpy as np

    from figures.robustness import MISSING, NOISE, Sweep
    from figures.robustness import robustness as draw
    from training.evaluation import MEAN_MODEL
    from training.robustness import MISSING_SHARES, NOISE_LEVELS, missing, noise, sweep
    from training.runs import write_whole

    interval = survey.specification.acquisition.sample_interval
    baseline = evaluation.means()[MEAN_MODEL]
    sweeps, record = [], {}
    for label, disturb, levels, scale in (
        (NOISE, noise(interval), NOISE_LEVELS, 1.0),
        (MISSING, missing, MISSING_SHARES, 100.0),
    ):
        found = sweep(runs, survey, evaluation.indices, disturb, levels)
        record[label] = {
            "levels": [scale * level for level in levels],
            "runs": {name: [dataclasses.asdict(row) for row in rows] for name, rows in found.items()},
        }
        for which, axis in (("rmse", "RMSE (m/s)"), ("ssim", "mean SSIM")):
            values = {name: np.array([getattr(row, which) for row in rows]) for name, rows in found.items()}
            sweeps.append(Sweep(label, scale * np.array(levels), axis, values, getattr(baseline, which)))
    draw(sweeps).savefig(folder / "robustness.png", dpi=150)
    write_whole(folder / "robustness.json", json.dumps(record, indent=1) + "\n")


def _draw(evaluation: Evaluation, runs: Sequence[Run], survey: Survey, count: int, folder: Path) -> None:
    import numpy as np

    from figures.convergence import Curve, tomography_convergence
    from figures.gathers import shot_gathers
    from figures.velocity import velocity_panels
    from training.evaluation import MEAN_MODEL
    from training.loss import KILOMETRE

    acquisition = survey.specification.acquisition
    chosen = np.unique(np.linspace(0, len(evaluation.indices) - 1, count).astype(int))
    models: dict[str, Any] = {"reference": evaluation.reference[chosen]}
    models.update({name: images[chosen] for name, images in evaluation.predictions.items()})
    scored = {
        name: {which: np.array([getattr(rows[i], which) for i in chosen]) for which in ("ssim", "rmse")}
        for name, rows in evaluation.scores.items()
    }
    velocity_panels(
        models, acquisition.spacing,
        ssim={name: values["ssim"] for name, values in scored.items()},
        rmse={name: values["rmse"] for name, values in scored.items()},
        samples=[f"model {evaluation.indices[i]}" for i in chosen],
    ).savefig(folder / "predictions.png", dpi=150)  # fmt: skip

    curves = {}
    for run in runs:
        history = run.history()
        if "val_loss" in history:
            loss = np.array(history["val_loss"]) * KILOMETRE**2
            curves[run.name] = [Curve(np.arange(1, len(loss) + 1), loss, np.array(history["val_ssim"]))]
    baseline = evaluation.means()[MEAN_MODEL]
    own = survey.folder.resolve() == runs[0].survey
    if curves:
        tomography_convergence(curves, mean_model=(baseline.loss, baseline.ssim) if own else None).savefig(
            folder / "convergence.png", dpi=150
        )
    shots = np.unique(np.linspace(0, acquisition.sources - 1, 3).astype(int))
    gathers = survey.gathers(evaluation.indices[:1])[0]
    shot_gathers(gathers[shots], acquisition.source_x[shots], acquisition.receiver_x, acquisition.time).savefig(
        folder / "gathers.png", dpi=150
    )
