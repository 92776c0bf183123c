"""`tomo benchmark memory`: the peak memory of trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tomo.presets import preset_for
from tomo.tensorflow import load_tensorflow


def memory(
    data: Annotated[Path, typer.Option(help="Folder of a survey.")],
    output: Annotated[Path, typer.Option(help="JSON file of the results.")],
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 2,
    only: Annotated[list[str] | None, typer.Option(help="adam, sqgn-reference or sqgn; all of them if none.")] = None,
) -> None:
    """Peak memory of a training with Adam, with SQGN as in the paper and with SQGN's defaults, by processes."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from training.benchmark.memory import measure

    preset = preset_for(Survey.open(data).acquisition)
    sizes = preset.cnn_recipe.batch_size, preset.cnn_recipe.micro_batch, epochs
    results = measure(data, only or (), preset.cnn, *sizes, output, load_tensorflow)
    for contender, peaks in results["peak_bytes"].items():
        print(f"{contender}: {peaks['resident'] / 1e9:.1f} GB")
    print(f"Results are in {output}")
