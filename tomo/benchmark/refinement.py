"""`tomo benchmark refinement`: refinement in noise, of an unknown wavelet, from other first models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomo.console import print_table, progress, table
from tomo.tensorflow import load_tensorflow


def refinement(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs, or `pretrained`: their predictions are refined.")],
    survey: Annotated[Path, typer.Option(help="Survey whose test models are recorded anew.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results; an interrupted benchmark is continued.")],
    models: Annotated[int, typer.Option(min=1, help="Test models, the first ones.")] = 32,
    condition: Annotated[
        list[str] | None, typer.Option(help="How gathers are recorded, may be given again; default: all conditions.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Refine the mean model and a gradient model, too.")
    ] = True,
) -> None:
    """Refine predictions, the mean model and a gradient model, in several conditions."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from training.benchmark.refinement import CONDITIONS, compare_refinement, summary
    from training.settings import choose

    opened = Survey.open(survey)
    for each in condition or ():
        choose("condition", each, CONDITIONS)
    chosen = {name: CONDITIONS[name] for name in condition or CONDITIONS}
    total = len(chosen) * min(models, len(opened.test)) * (len(runs) + 2 * baselines)
    with progress("refining", total, "models") as advance:
        results = compare_refinement(runs, opened, models, output, chosen, advance, baselines)
    shown = table("gathers", "from", "RMSE m/s", "SSIM", "salt IoU", "salt top m", "worse", "misfit / noise")
    for (recorded, start), row in summary(results).items():
        cells = [
            f"{form.format(row['before'][name])} to {form.format(row['after'][name])}"
            if None not in (row["before"][name], row["after"][name])
            else "-"
            for name, form in (
                ("rmse", "{:.0f}"),
                ("ssim", "{:.3f}"),
                ("salt_iou", "{:.2f}"),
                ("salt_top_error", "{:.0f}"),
            )
        ]
        excess = " / ".join("-" if value is None else f"{value:.2f}" for value in row["misfit"].values())
        shown.add_row(recorded, start, *cells, f"{100 * row['worse']:.0f} %", excess)
    print_table(shown)
    print("worse: the RMSE grew. misfit / noise: median of models that became better / worse.")
    print(f"Results are in {output}")
