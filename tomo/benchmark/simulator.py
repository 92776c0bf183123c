"""`tomo benchmark simulator`: the simulator beside its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.survey.specification import SurveySpecification
from tomo.console import print_table, table
from tomo.presets import PRESETS, preset_named


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
        shown = table(*header, title=title)
        for line in lines:
            shown.add_row(*line)
        print_table(shown)
    print(f"Results are in {output}")
