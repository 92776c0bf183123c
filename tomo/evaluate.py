"""`tomo evaluate`: score runs beside the mean model, and draw what they predict."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from data_gen.errors import DataError, SettingError
from tomo.score_table import ScoreTable
from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    from training.evaluation.evaluate import Evaluation
    from training.runs import Run


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Folders of one or several finished runs.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for tables and figures; default: `evaluation` in the first run."),
    ] = None,
    survey: Annotated[
        Path | None,
        typer.Option(help="Score also on the test models of another survey of the same geometry, and draw these."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Models in the figure of predictions, from well to badly predicted.")
    ] = 4,
    physics: Annotated[
        int,
        typer.Option(
            min=0,
            help="Simulate the surveys of this many predictions and report the data misfit: RMS of the difference to "
            "the given gathers over RMS of these.",
        ),
    ] = 0,
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Also score against noise (30 to 0 dB) and missing receivers (to 50 %)."),
    ] = False,
) -> None:
    """Score runs on a survey's test models, beside the mean model of the training set.

    Salt is what is faster than 4,000 m/s.

    Salt IoU: intersection over union of predicted and true salt, 0 where only one
    has some.

    Salt found: share of the true bodies of which at least half was predicted.

    Salt top: mean absolute error of the depth of the topmost salt, over the
    columns where both have some.

    A model with nothing to compare is left out of the mean; a dash: all were.
    """
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from training.evaluation.evaluate import evaluate as evaluate_runs
    from training.evaluation.evaluate import write_scores
    from training.runs import open_run, write_whole

    opened = [open_run(folder) for folder in runs]
    if len({run.name for run in opened}) < len(opened):
        raise SettingError("several runs have the same folder name: tables and figures could not tell them apart")
    surveys = [Survey.open(opened[0].survey)]
    if survey is not None and survey.resolve() != opened[0].survey:
        surveys.append(Survey.open(survey))
    if not len(surveys[-1].test):
        raise DataError(f"{surveys[-1].folder} has no test models")
    for run in opened:
        run.check_geometry(surveys[-1])
    folder = output or runs[0] / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)

    evaluations = [evaluate_runs(opened, each, each.test) for each in surveys if len(each.test)]
    if physics:
        evaluations = _physics(evaluations, opened, physics, folder)
    write_scores(evaluations, opened, folder)
    _draw(evaluations[-1], opened, samples, folder)
    _draw_convergence(opened, evaluations[0] if evaluations[0].survey is surveys[0] else None, folder)
    if robustness:
        _robustness(evaluations[-1], opened, folder)
    table = ScoreTable.of(evaluations)
    write_whole(folder / "scores.md", table.markdown())
    Console().print(table.rich())
    print(f"Scores and figures are in {folder}")


def _physics(evaluations: Sequence[Evaluation], runs: Sequence[Run], count: int, folder: Path) -> list[Evaluation]:
    """The evaluations with data misfits of each predictor's, and the true models', first `count` samples.

    Of the last survey, each run's best, median and worst case is drawn.
    """
    import numpy as np

    from data_gen.simulator.acoustic import Simulator
    from tomo.physics import draw, explain
    from training.evaluation.evaluate import TRUE_MODEL

    acquisition = runs[0].acquisition
    simulator = Simulator(acquisition)
    found = []
    for evaluation in evaluations:
        models = {**evaluation.predictions, TRUE_MODEL: evaluation.reference}
        explained = {}
        for name, velocity in models.items():
            given = (evaluation.survey.gathers([index])[0] for index in evaluation.indices[:count])
            explained[name] = explain(velocity[:count], given, simulator)
        misfits = {name: np.asarray(each.misfit) for name, each in explained.items()}
        found.append(dataclasses.replace(evaluation, misfits=misfits))
    for run in runs:
        draw(explained[run.name], acquisition, run.name, folder / f"physics-{run.name}.png")
    return found


def _robustness(evaluation: Evaluation, runs: Sequence[Run], folder: Path) -> None:
    """Sweeps of noise and missing receivers: `robustness.json` and `robustness.png`."""
    import numpy as np

    from figures.robustness import MISSING, NOISE, Sweep
    from figures.robustness import robustness as draw
    from training.evaluation.evaluate import MEAN_MODEL, without_nan
    from training.evaluation.robustness import MISSING_SHARES, NOISE_LEVELS, missing, noise, sweep
    from training.runs import write_whole

    interval = runs[0].acquisition.sample_interval
    baseline = evaluation.means()[MEAN_MODEL]
    sweeps, record = [], {}
    for label, disturb, levels, scale in (
        (NOISE, noise(interval), NOISE_LEVELS, 1.0),
        (MISSING, missing, MISSING_SHARES, 100.0),
    ):
        found = sweep(runs, evaluation.survey, evaluation.indices, disturb, levels)
        record[label] = {
            "levels": [scale * level for level in levels],
            "runs": {name: [without_nan(dataclasses.asdict(row)) for row in rows] for name, rows in found.items()},
        }
        for which, axis in (("rmse", "RMSE (m/s)"), ("ssim", "mean SSIM")):
            values = {name: np.array([getattr(row, which) for row in rows]) for name, rows in found.items()}
            sweeps.append(Sweep(label, scale * np.array(levels), axis, values, baseline[which]))
    draw(sweeps).savefig(folder / "robustness.png", dpi=150)
    write_whole(folder / "robustness.json", json.dumps(record, indent=1) + "\n")


def _draw(evaluation: Evaluation, runs: Sequence[Run], count: int, folder: Path) -> None:
    """Predictions, and gathers of the first model: `predictions.png`, `gathers.png`.

    The models are spread evenly over the ranks of the runs' mean squared error, from well to badly predicted.
    """
    import numpy as np

    from figures.gathers import shot_gathers
    from figures.velocity import velocity_panels

    acquisition = evaluation.survey.specification.acquisition
    errors = [[row.mse for row in evaluation.scores[run.name]] for run in runs]
    count = min(count, len(evaluation.indices))
    ranks = (np.arange(count) + 0.5) / count * len(evaluation.indices)
    chosen = np.argsort(np.mean(errors, axis=0))[ranks.astype(int)]
    models: dict[str, Any] = {"reference": evaluation.reference[chosen]}
    models.update({name: images[chosen] for name, images in evaluation.predictions.items()})
    ssim, rmse = (
        {name: np.array([getattr(rows[i], which) for i in chosen]) for name, rows in evaluation.scores.items()}
        for which in ("ssim", "rmse")
    )
    names = [f"model {evaluation.indices[i]}" for i in chosen]
    velocity_panels(models, acquisition.spacing, ssim=ssim, rmse=rmse, samples=names).savefig(
        folder / "predictions.png", dpi=150
    )
    shots = np.unique(np.linspace(0, acquisition.sources - 1, 3).astype(int))
    gathers = evaluation.survey.gathers(evaluation.indices[:1])[0]
    shot_gathers(gathers[shots], acquisition.source_x[shots], acquisition.receiver_x, acquisition.time).savefig(
        folder / "gathers.png", dpi=150
    )


def _draw_convergence(runs: Sequence[Run], own: Evaluation | None, folder: Path) -> None:
    """Loss and SSIM over the runs' epochs, `convergence.png`, beside the mean model's on their `own` test split."""
    import numpy as np

    from figures.convergence import Curve, tomography_convergence
    from training.evaluation.evaluate import MEAN_MODEL
    from training.loss import KILOMETRE

    curves = {}
    for run in runs:
        history = run.history()
        if "val_loss" in history:
            loss = np.array(history["val_loss"]) * KILOMETRE**2
            curves[run.name] = [Curve(np.arange(1, len(loss) + 1), loss, np.array(history["val_ssim"]))]
    if curves:
        baseline = own.means()[MEAN_MODEL] if own else None
        tomography_convergence(curves, mean_model=(baseline["loss"], baseline["ssim"]) if baseline else None).savefig(
            folder / "convergence.png", dpi=150
        )
