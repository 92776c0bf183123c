"""`tomo evaluate`: score runs beside the mean model, and draw what they predict."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_gen.errors import DataError, SettingError
from tomo.console import print_table, progress, remark, table
from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from data_gen.survey.reader import Survey
    from training.evaluation.evaluate import Evaluation
    from training.evaluation.misfit import Explained
    from training.evaluation.robustness import Sweep
    from training.trained import Trained


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Folders of one or several finished runs, or ensembles.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for tables and figures; default: `evaluation` in the first run."),
    ] = None,
    survey: Annotated[
        Path | None,
        typer.Option(
            help="Score also on the test models of another survey, and draw these. Networks that read panels take any "
            "line over their grid, others their own geometry alone."
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Models in the figure of predictions, from the best to the worst.")
    ] = 5,
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
    report: Annotated[
        bool,
        typer.Option("--report", help="Also write `report.html`: all of it as one page for a browser, to be sent on."),
    ] = False,
) -> None:
    """Score runs on a survey's test models, beside the mean model of the training set.

    Models that any of the runs was trained on are left out.

    Salt is what is faster than 4,000 m/s.

    Salt IoU: intersection over union of predicted and true salt, 0 where only one
    has some.

    Salt found: share of the true bodies of which at least half was predicted.

    Salt top: mean absolute error of the depth of the topmost salt, over the
    columns where both have some.

    A model with nothing to compare is left out of the mean; a dash: all were.
    """
    load_tensorflow()
    from tomo import pictures
    from tomo.report.of_evaluation import evaluation_report
    from tomo.report.page import check_replaceable, write_page
    from training.archive import read_card
    from training.evaluation.evaluate import MEAN_MODEL, RESERVED_NAMES
    from training.evaluation.evaluate import evaluate as score_runs
    from training.evaluation.files import claim_folder, scores_record, write_robustness, write_scores
    from training.evaluation.robustness import DISTURBANCES, sweep
    from training.evaluation.table import ScoreTable
    from training.trained import open_trained

    opened = [open_trained(folder) for folder in runs]
    names = [run.name for run in opened]
    if len(set(names)) < len(names):
        raise SettingError("several runs have the same folder name: tables and figures could not tell them apart")
    for name in set(names) & set(RESERVED_NAMES):
        raise SettingError(f"a run called {name!r} could not be told from a column of the tables: rename its folder")
    new = _surveys(opened, survey)
    folder = output or runs[0] / "evaluation"
    page = folder / "report.html"
    if report:
        check_replaceable(page)
    claim_folder(folder)
    for run in opened:
        run.history()  # which is written down in the end

    cards = [read_card(each.first.model_file) for each in opened]
    mean = cards[0].mean_velocity
    evaluations = [score_runs(opened, mean, each, indices) for each, indices in new]
    explained: dict[str, Explained] = {}
    if physics:
        evaluations, explained = _physics(evaluations, opened, physics)
        for run in opened:
            picture = folder / f"physics-{run.name}.png"
            pictures.draw_explained(explained[run.name], evaluations[-1].survey.acquisition, run.name, picture)
    write_scores(evaluations, opened, folder)
    pictures.draw_predictions(evaluations[-1], opened, samples, folder)
    for definition in [card.panels for card in cards if card.panels is not None][:1]:
        last = evaluations[-1]
        pictures.draw_panels(last.survey, int(last.indices[0]), definition, folder / "panels.png")
    pictures.draw_gathers(evaluations[-1], folder / "gathers.png")
    pictures.draw_convergence(opened, folder / "convergence.png")
    pictures.draw_data_size(evaluations, opened, folder / "data_size.png")
    sweeps: list[Sweep] = []
    if robustness:
        sweeps = [sweep(opened, evaluations[-1].survey, evaluations[-1].indices, each) for each in DISTURBANCES]
        write_robustness(sweeps, folder)
        pictures.draw_robustness(sweeps, evaluations[-1].means()[MEAN_MODEL], folder / "robustness.png")
    if report:
        record = scores_record(evaluations, opened)
        write_page(evaluation_report(evaluations, opened, record, explained, sweeps), page)

    scores = ScoreTable.of(evaluations)
    shown = table("", *scores.predictors)
    for title, rows in scores.sections:
        shown.add_row(title, style="bold")
        for row in rows:
            shown.add_row(*row)
        shown.add_section()
    print_table(shown)
    print(f"Scores and figures are in {folder}" + (f", and the report is {page}" if report else ""))


def _surveys(trained: Sequence[Trained], other: Path | None) -> list[tuple[Survey, np.ndarray]]:
    """What is scored: the survey of the training, where it is there, and `other`, each with its models that are new.

    Raises DataError where there are none in the last one, and for damaged gathers.
    """
    from data_gen.survey.reader import Survey
    from training.evaluation.evaluate import untouched

    surveys = [] if other is None else [Survey.open(other)]
    try:
        own = trained[0].first.find_survey()
    except DataError as error:
        if not surveys:
            raise
        remark(f"only {surveys[0].folder} is scored: {error}")
    else:
        surveys = [own, *(each for each in surveys if each.identity() != own.identity())]
    for one in trained:
        one.check_geometry(surveys[-1])
    for run in (run for one in trained for run in one.runs):
        if run.start is not None and not run.start.known:
            remark(
                f"warning: {run.name} began with {run.start.name}, whose training models are not known: some may be "
                "among those that are scored"
            )
    new = [(each, untouched(each, trained)) for each in surveys]
    for each, indices in new:
        if len(indices) < len(each.test):
            left_out = len(each.test) - len(indices)
            remark(f"{each.folder}: {left_out} of {len(each.test)} test models are left out, a run was trained on them")
    new = [(each, indices) for each, indices in new if len(indices)]
    if not new or new[-1][0] is not surveys[-1]:
        raise DataError(f"{surveys[-1].folder} has no test models that are new to all runs")
    for each, indices in new:
        each.verify(only=indices)
    return new


def _physics(
    evaluations: Sequence[Evaluation], trained: Sequence[Trained], count: int
) -> tuple[list[Evaluation], dict[str, Explained]]:
    """The evaluations with data misfits of each predictor's, and the true models', first `count` samples.

    Besides, of the last evaluation, how each predictor's surveys compare.
    """
    import numpy as np

    from data_gen.simulator.acoustic import Simulator
    from training.evaluation.evaluate import TRUE_MODEL
    from training.evaluation.misfit import explain

    found = []
    explained: dict[str, Explained] = {}
    total = sum(min(count, len(each.indices)) * (2 + len(trained)) for each in evaluations)
    with progress("simulating", total, "models") as advance:
        for evaluation in evaluations:
            simulator = Simulator(evaluation.survey.acquisition)
            models = {**evaluation.predictions, TRUE_MODEL: evaluation.reference}
            for name, velocity in models.items():
                given = (evaluation.survey.gathers([index])[0] for index in evaluation.indices[:count])
                explained[name] = explain(velocity[:count], given, simulator, progress=lambda: advance(1))
            misfits = {name: np.asarray(each.misfit) for name, each in explained.items()}
            found.append(dataclasses.replace(evaluation, misfits=misfits))
    return found, explained
