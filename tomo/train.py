"""`tomo train`: train a network on a survey."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.errors import SettingError
from tomo.tensorflow import load_tensorflow


def train(
    survey: Annotated[Path, typer.Argument(help="Folder of the survey.")],
    output: Annotated[Path, typer.Option(help="Folder of the run; the same command continues an unfinished one.")],
    optimizer: Annotated[str, typer.Option(help="adam, sqgn, or sqgn-reference (the paper's settings).")] = "sqgn",
    network: Annotated[
        str | None, typer.Option(help="demo, laptop or paper; else the one made for gathers of this size.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training models.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Models per mini-batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Else the optimizer's own default.")] = None,
    seed: Annotated[int, typer.Option(help="Of initial weights, mini-batches and augmentation.")] = 0,
    micro_batch: Annotated[int | None, typer.Option(help="Models per pass: less memory, the same result.")] = None,
    augment: Annotated[
        str,
        typer.Option(help="none; mirror (left and right, at random); all: mirror, noise, dead traces, scaled sources."),
    ] = "mirror",
) -> None:
    """Train a network on a survey, with Adam or SQGN."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from tomo.presets import PRESETS, preset_for
    from training.fit import check_survey
    from training.fit import train as train_run
    from training.runs import Settings, begin_run

    opened = Survey.open(survey)
    name = network or preset_for(opened.specification.acquisition)
    if name not in PRESETS:
        raise SettingError(f"unknown network {name!r}: choose from {', '.join(PRESETS)}")
    preset = PRESETS[name]
    settings = Settings(
        optimizer=optimizer,
        architecture=name,
        epochs=epochs or preset.epochs,
        batch_size=batch_size or preset.batch_size,
        learning_rate=learning_rate,
        seed=seed,
        micro_batch=micro_batch or preset.micro_batch,
        augment=augment,
    )
    check_survey(settings, opened)
    run = begin_run(output, settings, opened)
    if run.finished:
        print(f"{output} is already trained: nothing to do.")
        return
    train_run(run, opened)
    print(f"Trained {optimizer} for {settings.epochs} epochs: {run.model_file}")
