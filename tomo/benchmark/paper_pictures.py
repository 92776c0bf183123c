"""The pictures of `tomo benchmark paper`: Figures 1 to 3, from the file of results and the predictions beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.reading import check_regular, reading
from data_gen.salt import is_salt
from figures.convergence import Curve
from figures.repetitions import loss_and_score
from figures.velocity import velocity_panels
from tomo.pictures import save_with_pdf
from training.benchmark.paper import Experiment
from training.benchmark.reproduction import predictions_file
from training.evaluation.scores import score

LABELS = {"mnist": ("test cross-entropy", "test accuracy"), "tomography": ("test loss, (m/s)²", "mean SSIM")}

ACCURACIES = (0.85, 1.0)
"""What Figure 1 shows of the accuracy: the paper's are between 95 and 98 %."""


def draw_convergence(experiment: Experiment, results: Mapping[str, Any], picture: Path) -> None:
    """Draw loss and score of all repetitions (Figures 1 and 2) as PNG and PDF."""
    titles = experiment.titles
    curves: dict[str, list[Curve]] = {}
    for row in results["rows"]:
        if row.get("training") in titles:
            loss, scores = (np.array(row[name], float) for name in ("loss", "score"))
            title = titles[row["training"]]
            curves.setdefault(title, []).append(Curve(np.arange(1, len(loss) + 1), loss, scores))
    panels = [[None if name is None else titles[name] for name in row] for row in experiment.panels]
    limits = ACCURACIES if experiment.name == "mnist" else None
    save_with_pdf(loss_and_score(panels, curves, LABELS[experiment.name], limits), picture)


def draw_models(experiment: Experiment, output: Path, acquisition: Acquisition, picture: Path) -> bool:
    """Draw a test model with a typical area of salt and its predictions (Figure 3) as PNG and PDF.

    Returns whether there were predictions beside `output`. Raises DataError where they are damaged.
    """
    models: dict[str, np.ndarray] = {}
    number = 0
    for name in (name for row in experiment.panels for name in row if name is not None):
        path = predictions_file(output, name)
        if not path.exists():
            continue
        check_regular(path)
        with reading(path), np.load(path, allow_pickle=False) as stored:
            middle = len(stored["index"]) // 2
            number = int(stored["index"][middle])
            models.setdefault("reference", stored["reference"][middle : middle + 1])
            models[experiment.titles[name]] = stored["prediction"][middle : middle + 1]
    if not models:
        return False
    spacing, limits = acquisition.grid.spacing, acquisition.velocity_limits
    scores = {
        title: score(images, models["reference"], limits, spacing)[0]
        for title, images in models.items()
        if title != "reference"
    }
    figure = velocity_panels(
        models, spacing,
        ssim={title: np.array([each.ssim]) for title, each in scores.items()},
        rmse={title: np.array([each.rmse]) for title, each in scores.items()},
        samples=[f"model {number}"], limits=limits, salt={title: is_salt(each) for title, each in models.items()},
    )  # fmt: skip
    save_with_pdf(figure, picture)
    return True
