"""`tomo benchmark calibration`: whether an ensemble is as sure as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomo.console import print_table, table
from tomo.tensorflow import load_tensorflow


def calibration(
    ensemble: Annotated[Path, typer.Argument(help="Folder of an ensemble (`tomo train --members`).")],
    survey: Annotated[Path, typer.Option(help="Survey that it was trained on.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; the figure lies beside it as PNG and PDF.")],
    test: Annotated[
        list[Path] | None, typer.Option(help="Further surveys whose test models are looked at; may be given again.")
    ] = None,
) -> None:
    """Compare the deviations that an ensemble states with its errors, and its mean with its members."""
    load_tensorflow()
    import numpy as np

    from data_gen.survey.reader import Survey
    from figures.calibration import calibration as draw
    from tomo.pictures import save_with_pdf
    from training.benchmark.calibration import measure_calibration

    others = [Survey.open(each) for each in test or ()]
    results = measure_calibration(ensemble, Survey.open(survey), others, output)
    shown = table(
        "", "models", "within two deviations", "deviation m/s", "RMSE m/s", "SSIM", "salt IoU", "members: RMSE"
    )
    for name, row in results["surveys"].items():
        mean, *members = row["scores"].values()
        shown.add_row(
            name, str(row["models"]), f"{100 * row['covered']:.1f} %", f"{row['deviation']:.0f}", f"{mean['rmse']:.0f}",
            f"{mean['ssim']:.3f}", "-" if mean["salt_iou"] is None else f"{mean['salt_iou']:.2f}",
            f"{np.mean([each['rmse'] for each in members]):.0f}",
        )  # fmt: skip
    print_table(shown)
    curves = {
        name: (np.array(row["classes"]["deviation"]), np.array(row["classes"]["error"]))
        for name, row in results["surveys"].items()
    }
    figure = draw(curves, {name: row["covered"] for name, row in results["surveys"].items()})
    save_with_pdf(figure, output.with_suffix(".png"))
    print(f"Results are in {output}, drawn in {output.with_suffix('.png')}")
