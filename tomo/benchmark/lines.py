"""`tomo benchmark lines`: networks on lines that they were not trained for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomo.console import print_table, progress, table
from tomo.tensorflow import load_tensorflow


def lines(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs of networks that read panels, or `pretrained`.")],
    survey: Annotated[Path, typer.Option(help="Survey whose test models are recorded anew.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results.")],
) -> None:
    """Score networks on the same test models, recorded with other receivers, sources and samples."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from training.benchmark.lines import LINES, compare_lines

    opened = Survey.open(survey)
    with progress("simulating", len(opened.test) * len(LINES), "models") as advance:
        results = compare_lines(runs, opened, output, advance)
    shown = table("", "network", "RMSE m/s", "SSIM", "salt IoU", "salt found")
    for name, line in results["lines"].items():
        for run, row in line["scores"].items():
            salt = ["" if row[score] is None else f"{row[score]:.2f}" for score in ("salt_iou", "salt_found")]
            shown.add_row(name, run, f"{row['rmse']:.0f}", f"{row['ssim']:.3f}", *salt)
    print_table(shown)
    print(f"Results are in {output}")
