"""`tomo train`: train a network on a survey."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data_gen.errors import SettingError
from tomo.console import bar, duration, progress, remark
from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    import keras

    from data_gen.survey.reader import Survey
    from training.origin import Source
    from training.settings import Settings

WHOLE = "whole"
"""What to say for mini-batches that pass through the network at once."""


def train(
    survey: Annotated[Path, typer.Argument(help="Folder of the survey.")],
    output: Annotated[Path, typer.Option(help="Folder of the run; the same command continues an unfinished one.")],
    optimizer: Annotated[
        str, typer.Option(help="adamw, adam, sgd, svrg; sqgn, or sqgn-reference (as published).")
    ] = "adamw",
    network: Annotated[
        str | None,
        typer.Option(
            help="unet (default) or unet-large, which read migrated panels; cnn, the paper's in the size for these "
            "gathers, or cnn-demo, cnn-laptop, cnn-paper."
        ),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="Begin with the weights of this run (folder, .keras file, or `pretrained`)."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training models; a finished run goes on if they are more.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Models per mini-batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Else the optimizer's own default.")] = None,
    schedule: Annotated[str | None, typer.Option(help="Of the learning rate: constant, or cosine (down to 0).")] = None,
    loss: Annotated[str | None, typer.Option(help="squared (the paper's), or pseudo-huber.")] = None,
    average: Annotated[
        float | None,
        typer.Option(help="Of the weights' moving average, the share kept at an iteration; 0: none."),
    ] = None,
    validation: Annotated[
        float, typer.Option(help="Share of the training models held back, to choose the best weights by.")
    ] = 0.1,
    patience: Annotated[
        int | None, typer.Option(help="End after so many epochs without a better one on the validation models.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of initial weights, mini-batches and augmentation.")] = 0,
    micro_batch: Annotated[
        str | None, typer.Option(help=f"Models per pass: less memory, the same result; or {WHOLE!r}.")
    ] = None,
    augment: Annotated[
        str,
        typer.Option(
            help="none; mirror (left and right, at random); all: also noise, and of gathers dead traces and scaling."
        ),
    ] = "mirror",
    views: Annotated[
        int, typer.Option(help="Panels of each training model: of all traces, and of random parts of them.")
    ] = 4,
    precision: Annotated[
        str | None, typer.Option(help="Of the arithmetic: float32, or bfloat16, the default where processors have it.")
    ] = None,
    keep_checkpoint: Annotated[
        bool, typer.Option("--keep-checkpoint", help="Keep the optimizer's state when the training is done.")
    ] = False,
    members: Annotated[
        int,
        typer.Option(min=1, help="Networks from so many seeds: an ensemble, which knows how sure it is."),
    ] = 1,
) -> None:
    """Train a network on a survey, with AdamW, SQGN or another optimizer."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from models.registry import NETWORKS, PANELS
    from tomo.presets import preset_for
    from training.archive import read_card
    from training.ensemble import RECORD, check_folder, finish_ensemble, is_ensemble, member_folder
    from training.fit import check_survey
    from training.runs import recorded_settings
    from training.settings import choose
    from training.start import check_start, source_of

    opened = Survey.open(survey)
    preset = preset_for(opened.acquisition)
    source = None if begin is None else source_of(begin)
    if network is None:
        network = "unet" if source is None else read_card(source.file).settings.network
    network = preset.cnn if network == "cnn" else network
    choose("network", network, NETWORKS)
    reads_panels = NETWORKS[network].reads == PANELS
    recipe = preset.imaging if reads_panels else preset.cnn_recipe
    folders = [output] if members == 1 else [member_folder(output, member) for member in range(members)]
    begun = recorded_settings(folders[0])
    if precision is None and begun is not None:
        precision = begun.precision  # a run goes on as it began, on whatever processor
    settings = recipe.settings(
        optimizer, network, len(opened.train),
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, schedule=schedule, seed=seed, loss=loss,
        augment=augment, validation=validation, average=average, precision=precision, views=views, patience=patience,
    )  # fmt: skip
    if micro_batch is not None:
        settings = replace(settings, micro_batch=_models_per_pass(micro_batch))
    check_survey(settings, opened)
    if not (reads_panels or settings.augment == "none" or opened.acquisition.symmetric):
        remark("the line is not symmetric: its gathers are not mirrored in training")
    if source is not None:
        check_start(source.file, source.name, network, opened)
    check_folder(output, members)
    for member, folder in enumerate(folders):
        if _train_one(folder, replace(settings, seed=settings.seed + member), opened, source, keep_checkpoint):
            (output / RECORD).unlink(missing_ok=True)  # of the members as they were
    if members > 1 and not is_ensemble(output):
        found = finish_ensemble(output, members, opened)
        print(
            f"{output}: {members} members; on {found.models} validation models two of their standard deviations hold "
            f"{100 * found.covered:.0f} % of the errors, so they are multiplied by {found.factor:.2f}"
        )


def _train_one(folder: Path, settings: Settings, survey: Survey, source: Source | None, keep_checkpoint: bool) -> bool:
    """Train a run; returns whether there was anything left to do."""
    from models.registry import NETWORKS, PANELS
    from training.fit import train as train_run
    from training.panels import samples_of
    from training.runs import begin_run, split
    from training.start import definition_of

    run = begin_run(folder, settings, survey, source)
    if run.finished:
        print(f"{folder} is already trained: nothing to do.")
        return False
    views = settings.views
    if NETWORKS[settings.network].reads == PANELS:
        with progress("migrating", len(survey) + (views - 1) * len(survey.train), "panels") as advance:
            samples = samples_of(
                settings.network, survey, definition_of(run), views=views, noise=settings.noisy_views, progress=advance
            )
    else:
        samples = samples_of(settings.network, survey)
    learn, _ = split(survey, settings.validation)
    batches = settings.epochs * -(-len(learn) // settings.batch_size)
    with bar(f"training {folder.name}", batches, "mini-batches") as advance:
        train_run(run, survey, [_told(advance, settings.epochs)], samples, keep_checkpoint)
    print(f"Trained {settings.optimizer} for {len(run.history()['loss'])} epochs: {run.model_file}")
    return True


def _models_per_pass(text: str) -> int | None:
    if text == WHOLE:
        return None
    if not text.isdigit():
        raise SettingError(f"--micro-batch is a number of models, or {WHOLE!r}, not {text!r}")
    return int(text)


def _told(advance: Any, epochs: int) -> keras.callbacks.Callback:
    """A callback that tells of mini-batches, and of every epoch in a line, with the time that is left of all."""
    import keras

    from training.log import epoch_line

    class Told(keras.callbacks.Callback):
        begun: float
        first: int | None = None

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if self.first is None:
                self.first, self.begun = epoch, time.monotonic()
                advance(epoch * self.params["steps"])

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            advance(1)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            done = epoch + 1 - (self.first or 0)
            left = (time.monotonic() - self.begun) / done * (epochs - epoch - 1)
            remark(f"{epoch_line(epoch, epochs, logs or {})}; {duration(left)} left of all")

    return Told()
