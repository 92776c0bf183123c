"""`log.txt` of a run: when it was begun, gone on with, stopped and finished, on what, and one line an epoch."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from data_gen.errors import MachineError
from data_gen.files import reason
from data_gen.machine import describe_machine


class Log(keras.callbacks.Callback):
    """Appends lines of plain text, each with its time, to a file; raises MachineError where it cannot be written."""

    def __init__(self, file: Path, epochs: int) -> None:
        super().__init__()
        self.file, self.epochs = file, epochs

    def say(self, line: str) -> None:
        """Append a line; a line break in it is none."""
        time = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        if os.path.lexists(self.file) and not self.file.is_file():
            raise MachineError(f"{self.file} is no file: remove it")
        try:
            with self.file.open("a", encoding="utf-8", errors="backslashreplace") as log:
                print(time, " ".join(line.split()), file=log)
        except OSError as error:
            raise MachineError(f"{self.file} cannot be written: {reason(error)}") from None

    @contextmanager
    def training(self, what: str, epoch: int) -> Iterator[None]:
        """Say that a training begins, or goes on after so many epochs, on what machine, and how it ends."""
        self.say(f"begun: {what}" if epoch == 0 else f"goes on after epoch {epoch} of {self.epochs}: {what}")
        self.say(_machine())
        try:
            yield
        except KeyboardInterrupt:
            self.say("stopped")
            raise
        except Exception as error:
            self.say(f"ended by {type(error).__name__}: {error}")
            raise
        self.say("finished")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.say(epoch_line(epoch, self.epochs, logs or {}))


def epoch_line(epoch: int, epochs: int, logs: dict[str, Any]) -> str:
    """What an epoch came to, in words: its loss, and the scores on the validation models."""
    scores = [f"loss {logs['loss']:.4g}"]
    if "val_loss" in logs:
        rmse, similarity = logs["val_rmse"], logs["val_ssim"]
        scores.append(f"validation {logs['val_loss']:.4g}, {rmse:.0f} m/s, SSIM {similarity:.3f}")
    return f"epoch {epoch + 1} of {epochs}: {'; '.join(scores)}"


def _machine() -> str:
    described = describe_machine(("tomo", "tensorflow", "keras", "numpy"))
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    gpus = len(tf.config.list_physical_devices("GPU"))
    return f"{described['processor']}, {described['cores']} cores, {gpus} GPUs, {described['system']}; {versions}"
