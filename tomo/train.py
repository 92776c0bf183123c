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
            help="none; mirror (left and right, at random); all, of gathers: also noise, dead traces, scaled sources."
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
) -> None:
    """Train a network on a survey, with Adam or SQGN."""
    load_tensorflow()
    from data_gen.survey.reader import Survey
    from models.registry import NETWORKS, PANELS
    from tomo.presets import preset_for
    from training.archive import read_card
    from training.fit import check_survey
    from training.fit import train as train_run
    from training.panels import samples_of
    from training.runs import begin_run, recorded_settings
    from training.settings import choose
    from training.start import check_start, definition_of, source_of

    opened = Survey.open(survey)
    preset = preset_for(opened.acquisition)
    source = None if begin is None else source_of(begin)
    if network is None:
        network = "unet" if source is None else read_card(source.file).settings.network
    network = preset.cnn if network == "cnn" else network
    choose("network", network, NETWORKS)
    reads_panels = NETWORKS[network].reads == PANELS
    recipe = preset.imaging if reads_panels else preset.cnn_recipe
    begun = recorded_settings(output)
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
    run = begin_run(output, settings, opened, source)
    if run.finished:
        print(f"{output} is already trained: nothing to do.")
        return
    try:
        if reads_panels:
            with progress("migrating", len(opened) + (views - 1) * len(opened.train), "panels") as advance:
                samples = samples_of(network, opened, definition_of(run), views=views, progress=advance)
        else:
            samples = samples_of(network, opened)
        with bar(f"training {output.name}", settings.epochs, "epochs") as advance:
            train_run(run, opened, [_told(advance, settings.epochs)], samples, keep_checkpoint)
    except KeyboardInterrupt:
        remark(f"stopped; the same command continues {output}")
        raise typer.Exit(130) from None
    print(f"Trained {optimizer} for {len(run.history()['loss'])} epochs: {run.model_file}")


def _models_per_pass(text: str) -> int | None:
    if text == WHOLE:
        return None
    if not text.isdigit():
        raise SettingError(f"--micro-batch is a number of models, or {WHOLE!r}, not {text!r}")
    return int(text)


def _told(advance: Any, epochs: int) -> keras.callbacks.Callback:
    """A callback that tells of every epoch: one line, with the time that the training still needs."""
    import keras

    class Told(keras.callbacks.Callback):
        begun: float
        first: int | None = None

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if self.first is None:
                self.first, self.begun = epoch, time.monotonic()
                advance(epoch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs = logs or {}
            done = epoch + 1 - (self.first or 0)
            left = (time.monotonic() - self.begun) / done * (epochs - epoch - 1)
            scores = [f"loss {logs['loss']:.4g}"]
            if "val_loss" in logs:
                rmse, similarity = logs["val_rmse"], logs["val_ssim"]
                scores.append(f"validation {logs['val_loss']:.4g}, {rmse:.0f} m/s, SSIM {similarity:.3f}")
            remark(f"epoch {epoch + 1} of {epochs}: {'; '.join(scores)}; {duration(left)} left")
            advance(1)

    return Told()
