"""The pictures that the commands save: from evaluations and explanations to the arrays that figures draw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.files import whole_file
from data_gen.salt import is_salt
from figures.convergence import Curve, tomography_convergence
from figures.data_size import data_size
from figures.gathers import gather_comparison, shot_gathers
from figures.logs import velocity_logs
from figures.palette import KILOMETRE
from figures.panels import migrated_panels
from figures.robustness import Panel, robustness
from figures.velocity import error_panels, velocity_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from data_gen.migration.panels import PanelDefinition
    from data_gen.survey.reader import Survey
    from training.evaluation.evaluate import Evaluation
    from training.evaluation.misfit import Explained
    from training.evaluation.robustness import Sweep
    from training.trained import Trained

DPI = 300
"""Of pictures in pixels, as journals ask for."""

TRUE_TYPE = 42
"""Fonts of a PDF, which editors and journals can read; matplotlib's own choice, Type 3, is often refused."""

FEWEST_SIZES = 3
"""So many trainings of different size make a curve."""

DISTURBANCES = {"signal_to_noise_ratio": "signal-to-noise ratio", "missing_receivers": "missing receivers"}
"""Disturbance -> what the axis calls it."""


def save(figure: Figure, path: Path) -> None:
    """Save a figure, whole or not at all; raises MachineError where it cannot be written."""
    with whole_file(path) as temporary, matplotlib.rc_context({"pdf.fonttype": TRUE_TYPE}):
        figure.savefig(temporary, dpi=DPI)


def save_with_pdf(figure: Figure, path: Path) -> None:
    """Save a figure as PNG and, beside it, as PDF; raises as `save`."""
    save(figure, path)
    save(figure, path.with_suffix(".pdf"))


def recorded(gathers: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Gathers (..., receiver, time) with NaN where a trace is not `live` (..., receiver)."""
    return gathers if live.all() else np.where(live[..., None], gathers, np.nan)


def draw_predictions(evaluation: Evaluation, trained: Sequence[Trained], count: int, folder: Path) -> None:
    """Draw `predictions.png`, `errors.png` and `logs.png` of `count` models.

    They are spread evenly over the ranks of the runs' mean squared error, from the best to the worst predicted one.
    Logs are where the salt is thickest, or in the middle.
    """
    acquisition = evaluation.survey.acquisition
    spacing = acquisition.grid.spacing
    errors = [[row.mse for row in evaluation.scores[each.name]] for each in trained]
    ranks = ranks_shown(len(evaluation.indices), count)
    chosen = np.argsort(np.mean(errors, axis=0), kind="stable")[list(ranks)]
    reference = evaluation.reference[chosen]
    predictions = {name: images[chosen] for name, images in evaluation.predictions.items()}
    names = [f"{rank}\nmodel {evaluation.indices[i]}" for rank, i in zip(ranks.values(), chosen, strict=True)]
    salt = {name: is_salt(images) for name, images in {"reference": reference, **predictions}.items()}
    ssim, rmse = (
        {name: np.array([getattr(rows[i], which) for i in chosen]) for name, rows in evaluation.scores.items()}
        for which in ("ssim", "rmse")
    )
    figure = velocity_panels(
        {"reference": reference, **predictions}, spacing,
        ssim=ssim, rmse=rmse, samples=names, limits=acquisition.velocity_limits, salt=salt,
    )  # fmt: skip
    save_with_pdf(figure, folder / "predictions.png")
    save_with_pdf(
        error_panels(reference, predictions, spacing, samples=names, salt=salt["reference"]), folder / "errors.png"
    )
    columns = np.array([log_column(mask) for mask in salt["reference"]])
    titles = [f"{name}\nx = {acquisition.grid.x[c] / KILOMETRE:.2f} km" for name, c in zip(names, columns, strict=True)]
    each = np.arange(len(chosen))
    figure = velocity_logs(
        reference[each, :, columns], {name: images[each, :, columns] for name, images in predictions.items()},
        acquisition.grid.depth, titles=titles, salt=salt["reference"][each, :, columns],
    )  # fmt: skip
    save_with_pdf(figure, folder / "logs.png")


def log_column(salt: np.ndarray) -> int:
    """The column of a mask (depth, x) where the salt is thickest; the middle one where there is none."""
    thickness = salt.sum(axis=0)
    return int(thickness.argmax()) if thickness.any() else salt.shape[1] // 2


def ranks_shown(models: int, count: int) -> dict[int, str]:
    """Ranks of `count` of so many models, from the best to the worst, evenly spread, each with its name."""
    even = np.linspace(0, models - 1, min(count, models))
    ranks = np.unique(np.ceil(even - 0.5).astype(int)).tolist()  # halves go down, to the median
    if count == 1:
        ranks = [(models - 1) // 2]
    named = {(models - 1) // 2: "median", models - 1: "worst", 0: "best"}
    return {rank: named.get(rank, f"rank {rank + 1} of {models}") for rank in ranks}


def draw_panels(survey: Survey, index: int, definition: PanelDefinition, path: Path) -> None:
    """Draw the migrated panels of a model of a survey beside its velocity."""
    from training.panels import samples_of

    samples = samples_of("unet", survey, definition, only=np.array([index]))
    count = len(definition.offset_bounds) + 1
    panels = np.moveaxis(samples.inputs(np.array([index]))[0].astype(np.float32), -1, 0)[:-1]
    velocity = survey.velocity([index])[0]
    bounds = [0.0, *definition.offset_bounds, np.inf]
    classes = [f"offset {low / KILOMETRE:g} to {high / KILOMETRE:g} km" for low, high in pairwise(bounds[:-1])]
    classes.append(f"offset over {bounds[-2] / KILOMETRE:g} km")
    figure = migrated_panels(
        panels.reshape(len(definition.factors), count, *panels.shape[1:]), velocity,
        definition.depth, definition.x, survey.acquisition.grid.spacing, survey.acquisition.velocity_limits,
        factors=[f"{factor:g} x reference" for factor in definition.factors], classes=classes, salt=is_salt(velocity),
    )  # fmt: skip
    save_with_pdf(figure, path)


def draw_gathers(evaluation: Evaluation, path: Path) -> None:
    """Draw the first, middle and last shot of the evaluation's first model."""
    acquisition = evaluation.survey.acquisition
    shots = np.unique(np.linspace(0, acquisition.sources - 1, 3).astype(int))
    gathers = recorded(evaluation.survey.gathers(evaluation.indices[:1])[0], acquisition.live)
    save_with_pdf(
        shot_gathers(gathers[shots], acquisition.source_x[shots], acquisition.receiver_x, acquisition.time), path
    )


def draw_explained(explained: Explained, acquisition: Acquisition, title: str, path: Path) -> None:
    """Draw given gather, simulated gather and difference of the models with the best, median and worst misfit."""
    cases = explained.cases()
    chosen = list(cases.values())
    live = acquisition.live[acquisition.sources // 2]
    given, simulated = (recorded(gathers[chosen], live) for gathers in (explained.given, explained.simulated))
    figure = gather_comparison(
        given, simulated, acquisition.receiver_x, acquisition.time,
        cases=list(cases), misfits=list(explained.misfit[chosen]), title=title,
    )  # fmt: skip
    save_with_pdf(figure, path)


def draw_convergence(trained: Sequence[Trained], path: Path) -> None:
    """Draw validation loss [(m/s)²] and SSIM over the epochs of trainings; nothing without validation."""
    curves = {}
    for each in trained:
        history = each.history()
        if "val_loss" in history:
            loss = np.array(history["val_loss"]) * KILOMETRE**2
            curves[each.name] = [Curve(np.arange(1, len(loss) + 1), loss, np.array(history["val_ssim"]))]
    if curves:
        save_with_pdf(tomography_convergence(curves, of="validation"), path)


def draw_robustness(sweeps: Sequence[Sweep], mean_model: dict[str, float], path: Path) -> None:
    """Draw RMSE and SSIM of the sweeps, beside the mean model's scores by name."""
    panels = []
    for sweep in sweeps:
        kind = sweep.disturbance
        for which, axis in (("rmse", "RMSE (m/s)"), ("ssim", "mean SSIM")):
            values = {name: np.array([getattr(row, which) for row in rows]) for name, rows in sweep.scores.items()}
            label = f"{DISTURBANCES[kind.name]} ({kind.unit})"
            panels.append(Panel(label, np.array(kind.levels), axis, values, mean_model[which]))
    save_with_pdf(robustness(panels), path)


OF_DATA_SIZE = {"rmse": "RMSE (m/s)", "ssim": "mean SSIM", "salt_iou": "salt IoU", "salt_top_error": "salt top (m)"}
"""Scores that are drawn over the number of training models -> their axes."""


def draw_data_size(evaluations: Sequence[Evaluation], trained: Sequence[Trained], path: Path) -> None:
    """Draw scores over the number of training models, a curve for each network that was trained on `FEWEST_SIZES` such
    numbers at least; of equal numbers the first counts. Without such a network an earlier picture goes."""
    from training.evaluation.evaluate import MEAN_MODEL

    sizes: dict[str, dict[int, str]] = {}
    for each in trained:
        sizes.setdefault(each.settings.network, {}).setdefault(len(each.trained_on()), each.name)
    sizes = {network: dict(sorted(names.items())) for network, names in sizes.items() if len(names) >= FEWEST_SIZES}
    if not sizes:
        for old in (path, path.with_suffix(".pdf")):
            old.unlink(missing_ok=True)
        return
    means = {evaluation.survey.name: evaluation.means() for evaluation in evaluations}
    scores = {
        label: {
            f"{network}, {survey}": (np.array(list(names)), np.array([rows[name][score] for name in names.values()]))
            for network, names in sizes.items()
            for survey, rows in means.items()
        }
        for score, label in OF_DATA_SIZE.items()
    }
    baselines = {
        label: {f"mean model, {survey}": rows[MEAN_MODEL][score] for survey, rows in means.items()}
        for score, label in OF_DATA_SIZE.items()
    }
    save_with_pdf(data_size(scores, baselines), path)
