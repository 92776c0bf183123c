"""The page of an evaluation: scores, models from the best to the worst, their gathers, training, and what was run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from figures.report.charts import Line, line_chart
from figures.report.vector import scheme_svg
from tomo.pictures import DISTURBANCES, ranks_shown
from tomo.report.cases import Imaged, charted, gather_rows, scored, velocity_rows
from tomo.report.content import Case, Cell, Fact, Picture, Report, Section, Table
from tomo.report.settings import acquisition_rows, machine_table, recorded_versions, run_tables
from tomo.report.training import training_charts
from training.evaluation.evaluate import DATA_MISFIT, MEAN_MODEL, TRUE_MODEL, Evaluation
from training.evaluation.misfit import Explained
from training.evaluation.robustness import Sweep
from training.evaluation.table import SCORES
from training.trained import Trained

MODELS = 3
"""Models drawn: the best, the median and the worst."""

HIGHER_IS_BETTER = ("ssim", "salt_iou", "salt_found")

TERMS = (
    ("loss, MSE, RMSE, MAE", "Errors of the velocity: squared and summed over the cells of a model, its mean, the root "
     "of that mean in each model, and the mean absolute error."),
    ("SSIM", "Structural similarity of two images: 1 for equal ones."),
    ("salt IoU", "Cells that are salt in both models over those that are salt in either. Salt is faster than "
     "4,000 m/s."),
    ("salt found", "Share of the true salt bodies of which at least half was predicted."),
    ("salt top", "Mean absolute error of the depth of the topmost salt."),
    ("data misfit", "RMS of simulated minus given gathers over the RMS of the given ones: 0 for a model that explains "
     "its gathers, and no true model is needed. Of the first models alone."),
    ("mean model", "The average of the training models: what a network that learned nothing would answer."),
)  # fmt: skip


def evaluation_report(
    evaluations: Sequence[Evaluation],
    trained: Sequence[Trained],
    record: Mapping[str, Any],
    explained: Mapping[str, Explained] | None = None,
    sweeps: Sequence[Sweep] = (),
) -> Report:
    """The page of evaluations of runs and ensembles; pictures are of the last one.

    Args:
        evaluations: on one survey or several.
        trained: what was evaluated.
        record: what `scores.json` says of them.
        explained: the gathers of the last evaluation's first models by predictor, where they were simulated.
        sweeps: scores against disturbances, where they were asked for.
    """
    last = evaluations[-1]
    names = [each.name for each in trained]
    sections = [_scores(evaluations), _models(last, names)]
    if explained:
        sections.append(_gathers(last, names, explained))
    charts = training_charts(trained)
    if charts:
        sections.append(Section("training", "Training", "How each run converged, over epochs and over time.",
                                charts=charts))  # fmt: skip
    if sweeps:
        sections.append(_robustness(sweeps, last.means()[MEAN_MODEL]))
    sections.append(_settings(evaluations, trained, record))
    surveys = " and ".join(f"{len(each.indices)} test models of {each.survey.name}" for each in evaluations)
    lead = f"Velocity models predicted from shot gathers, scored on {surveys} that none of the networks was trained on."
    return Report(
        f"Evaluation of {_listed(names)}", lead, _facts(last, names), tuple(sections),
        f"Made by tomo {record['machine']['versions']['tomo']}, tomo evaluate --report.",
    )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _facts(evaluation: Evaluation, names: Sequence[str]) -> tuple[Fact, ...]:
    """What the run with the least error reaches, beside the mean model."""
    means = evaluation.means()
    best, baseline = min(names, key=lambda name: means[name]["rmse"]), means[MEAN_MODEL]
    of = f", {best}" if len(names) > 1 else ""
    facts = [Fact(f"{len(evaluation.indices)}", f"test models of {evaluation.survey.name}")]
    for score, title, unit in (("rmse", "RMSE", " m/s"), ("ssim", "SSIM", ""), ("salt_iou", "salt IoU", ""),
                               (DATA_MISFIT, "data misfit", "")):  # fmt: skip
        value, beside = means[best].get(score, math.nan), baseline.get(score, math.nan)
        if math.isfinite(value):
            form = SCORES[score][1]
            facts.append(Fact(form.format(value) + unit, title + of, f"mean model: {form.format(beside)}{unit}"))
    return tuple(facts)


def _scores(evaluations: Sequence[Evaluation]) -> Section:
    tables = tuple(_score_table(each) for each in evaluations)
    charts = []
    for each in evaluations:
        ranks = np.arange(1, len(each.indices) + 1)
        lines = [Line(name, ranks, np.sort([row.rmse for row in rows])) for name, rows in charted(each.scores).items()]
        figure = line_chart(lines, f"models of {each.survey.name}, from the best to the worst", "RMSE (m/s)",
                            whole_numbers=True)  # fmt: skip
        said = "; ".join(f"{line.name} {line.y[0]:.0f} to {line.y[-1]:.0f}, median {np.median(line.y):.0f}"
                         for line in lines)  # fmt: skip
        charts.append(Picture("Every model's error", scheme_svg(figure), f"RMSE in m/s of every model, sorted: {said}"))
    return Section("scores", "Scores", tables=tables, terms=TERMS, charts=tuple(charts))


def _score_table(evaluation: Evaluation) -> Table:
    """Means by predictor; the best are marked, not counting the true model."""
    means = evaluation.means()
    rows = []
    for score, (title, form) in SCORES.items():
        values = {name: row[score] for name, row in means.items() if score in row}
        if not values:
            continue
        sound = [value for name, value in values.items() if name != TRUE_MODEL and math.isfinite(value)]
        best = (max if score in HIGHER_IS_BETTER else min)(sound, default=math.nan)
        cells = []
        for name in means:
            value = values.get(name, math.nan)
            text = form.format(value) if math.isfinite(value) else "-" if name in values else ""
            marked = name != TRUE_MODEL and value == best
            cells.append(Cell(text, value if math.isfinite(value) else None, marked))
        rows.append((Cell(title), *cells))
    count = len(evaluation.indices)
    misfits = min((len(values) for values in evaluation.misfits.values()), default=0)
    note = "Bold: the best of a row." + (f" Data misfits are means of {misfits} models." if misfits else "")
    return Table(
        f"Means over {count} test models of {evaluation.survey.name}", ("", *means), tuple(rows), note, numeric=True
    )


def _models(evaluation: Evaluation, names: Sequence[str]) -> Section:
    errors = np.mean([[row.mse for row in evaluation.scores[name]] for name in names], axis=0)
    order = np.argsort(errors, kind="stable")
    cases = []
    for rank, called in ranks_shown(len(order), MODELS).items():
        sample = int(order[rank])
        model = Imaged(
            {name: evaluation.predictions[name][sample] for name in (MEAN_MODEL, *names)},
            evaluation.reference[sample],
            {name: rows[sample] for name, rows in evaluation.scores.items()},
            {name: values[sample] for name, values in evaluation.deviations.items()},
        )
        said = "; ".join(f"{name}: {scored(model.scores[name])}" for name in names)
        rows = velocity_rows(model, evaluation.survey.acquisition)
        cases.append(Case(f"{called}: model {evaluation.indices[sample]}", f"{said}.", rows))
    text = (
        f"By the mean squared error of {'the runs together' if len(names) > 1 else names[0]}. The black outline is the "
        "true salt, the dashed one the salt that was found. Draw the edge across the picture to compare two of them."
    )
    return Section("models", "Models", text, cases=tuple(cases))


def _gathers(evaluation: Evaluation, names: Sequence[str], explained: Mapping[str, Explained]) -> Section:
    shown = [name for name in (MEAN_MODEL, *names) if name in explained]
    misfits = np.mean([explained[name].misfit for name in names], axis=0)
    order = np.argsort(misfits, kind="stable")
    cases = []
    for rank, called in ranks_shown(len(order), MODELS).items():
        sample = int(order[rank])
        captions = {name: f"data misfit {explained[name].misfit[sample]:.3f}" for name in shown}
        simulated = {name: explained[name].simulated[sample] for name in shown}
        rows = gather_rows(explained[names[0]].given[sample], simulated, evaluation.survey.acquisition, captions)
        cases.append(Case(f"{called}: model {evaluation.indices[sample]}", "", rows))
    text = (
        f"Does a prediction explain its data? Of {len(order)} models the gathers were simulated anew from what was "
        "predicted, and compared with the given ones. The data misfit is over all shots, the picture of the middle one."
    )
    return Section("gathers", "Gathers", text, cases=tuple(cases))


def _robustness(sweeps: Sequence[Sweep], mean_model: Mapping[str, float]) -> Section:
    charts = []
    for sweep in sweeps:
        kind = sweep.disturbance
        levels = np.array(kind.levels, np.float64)
        for score, label in (("rmse", "RMSE (m/s)"), ("ssim", "SSIM")):
            lines = [
                Line(name, levels, np.array([getattr(row, score) for row in rows]))
                for name, rows in sweep.scores.items()
            ]
            axis = f"{DISTURBANCES[kind.name]} ({kind.unit})"
            figure = line_chart(lines, axis, label, levels={MEAN_MODEL: mean_model[score]},
                                descending=levels[0] > levels[-1])  # fmt: skip
            said = "; ".join(f"{line.name} {line.y[0]:.3g} to {line.y[-1]:.3g}" for line in lines)
            charts.append(
                Picture("", scheme_svg(figure), f"{label} against {axis}, {levels[0]:g} to {levels[-1]:g}: {said}")
            )
    return Section("robustness", "Robustness", "Scores as the gathers get worse, to the right.", charts=tuple(charts))


def _settings(evaluations: Sequence[Evaluation], trained: Sequence[Trained], record: Mapping[str, Any]) -> Section:
    described = {}
    for each in trained:
        run = each.first
        start = {"began with": run.start.name or "itself"} if run.start is not None else {}
        trained_with = {"survey": run.survey.name if run.survey else "arrays", "survey identity": run.identity[:12]}
        described[each.name] = {**record["runs"][each.name], **start, **trained_with, **recorded_versions(run.folder)}
    for values in described.values():
        for key in dict.fromkeys(key for other in described.values() for key in other):
            values.setdefault(key, "-")
    surveys = []
    for evaluation in evaluations:
        survey = evaluation.survey
        first = ((Cell("identity"), Cell(survey.identity()[:12])),
                 (Cell("models"), Cell(f"{len(survey):,}, of which {len(survey.test):,} for tests")))  # fmt: skip
        surveys.append(
            Table(f"Survey {survey.name}", ("", ""), first + acquisition_rows(survey.acquisition), folded=True)
        )
    return Section("settings", "Settings", tables=(*run_tables(described), *surveys, machine_table(record["machine"])))
