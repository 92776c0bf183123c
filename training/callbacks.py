"""What a training does besides steps: a moving average of the weights, scores after an epoch, the checkpoint."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from data_gen.errors import DataError, SettingError
from data_gen.files import whole_file, write_text
from data_gen.reading import DAMAGE, check_regular
from models.units import KILOMETRE
from training.evaluation.scores import ssim, tomography_loss
from training.pipeline import in_order
from training.runs import Run
from training.samples import Samples
from training.sqgn import SQGN


class Diverged(keras.callbacks.Callback):
    """Ends a training whose weights have become no numbers: what would follow is for nothing.

    Raises SettingError, before the checkpoint of the epoch is written.
    """

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not all(np.isfinite(np.asarray(v)).all() for v in self.model.trainable_variables):
            raise SettingError(f"the training diverged in epoch {epoch + 1}: choose a smaller learning rate")


class Average(keras.callbacks.Callback):
    """The exponential moving average of the trainable weights over the iterations, and the best one so far.

    The average of iteration k forgets by `min(decay, (1 + k) / (10 + k))`, so that it is not held back by the initial
    weights; with a decay of 0 it is the weights themselves. `best` are the averaged weights after the epoch with the
    lowest `val_objective`, None before there is one.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.weights: list[np.ndarray] = []
        self.best: list[np.ndarray] | None = None
        self.best_loss = np.inf

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.weights:
            self.weights = [np.array(v) for v in self.model.trainable_variables]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.decay == 0.0:
            return
        k = int(self.model.optimizer.iterations)
        kept = min(self.decay, (1 + k) / (10 + k))
        for average, variable in zip(self.weights, self.model.trainable_variables, strict=True):
            average *= kept
            average += (1 - kept) * np.asarray(variable)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.decay == 0.0:
            self.weights = [np.array(v) for v in self.model.trainable_variables]
        if logs is not None and logs.get("val_objective", np.inf) < self.best_loss:
            self.best_loss = logs["val_objective"]
            self.best = [average.copy() for average in self.weights]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model with the averaged weights, for as long as this lasts."""
        if self.decay == 0.0:
            yield
            return
        kept = [np.array(v) for v in self.model.trainable_variables]
        assign(self.model, self.weights)
        try:
            yield
        finally:
            assign(self.model, kept)


def assign(model: keras.Model, weights: Sequence[np.ndarray]) -> None:
    """Give a model's trainable variables these values."""
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)


class Scores(keras.callbacks.Callback):
    """Scores on some models after each epoch: `val_loss`, equation (9) [(km/s)²], `val_rmse` [m/s] and `val_ssim`, and
    `val_objective`, the loss that is trained.

    They are those of the averaged weights, where there is an `average`; without models there are none.
    """

    def __init__(self, samples: Samples, indices: np.ndarray, average: Average | None = None) -> None:
        super().__init__()
        self.limits = samples.survey.acquisition.velocity_limits
        self.reference = samples.survey.velocity(indices)
        self.batches = in_order(samples, indices) if len(indices) else None
        self.average = average

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.batches is None or logs is None:
            return
        if self.average is None:
            prediction = self.model.predict(self.batches, verbose=0)
        else:
            with self.average.in_place():
                prediction = self.model.predict(self.batches, verbose=0)
        loss = tomography_loss(prediction, self.reference)
        logs["val_loss"] = loss / KILOMETRE**2
        logs["val_objective"] = float(np.mean(self.model.loss.call(self.reference, prediction)))
        logs["val_rmse"] = float(np.sqrt(loss / self.reference[0].size))
        logs["val_ssim"] = float(np.mean(ssim(prediction, self.reference, self.limits)))


class Checkpoint(keras.callbacks.Callback):
    """All that a training needs to go on, in one file that is replaced, whole, after each epoch.

    Weights, the optimizer's state, the average and the best weights, and the history, from which `history.csv` is
    written. NumPy's archive has a checksum for each array, so that damage shows.
    """

    def __init__(self, run: Run, batches: int, average: Average) -> None:
        super().__init__()
        self.run, self.batches, self.average = run, batches, average
        self.rows: list[dict[str, float]] = []
        self._begun = 0.0

    @property
    def epoch(self) -> int:
        """The number of epochs that are done."""
        return len(self.rows)

    @property
    def over(self) -> bool:
        """Whether the training is: all epochs are done, or the last better one is too long ago."""
        settings = self.run.settings
        losses = [row.get("val_objective", np.inf) for row in self.rows]
        tired = settings.patience is not None and losses and len(losses) - 1 - np.argmin(losses) >= settings.patience
        return self.epoch >= settings.epochs or bool(tired)

    def restore(self, model: keras.Model) -> None:
        """Load the checkpoint, if there is one. Raises DataError for one that is damaged or of another version."""
        if isinstance(model.optimizer, SQGN):
            model.optimizer.batches_per_epoch = self.batches
        model.optimizer.build(model.trainable_variables)
        path = self.run.checkpoint_file
        if os.path.lexists(path):
            check_regular(path)
            try:
                with np.load(path, allow_pickle=False) as stored:
                    self._load(model, stored)
            except DataError:
                raise
            except DAMAGE:
                raise DataError(f"{path} is damaged: delete it, and train anew") from None
        self._write_history()

    def _load(self, model: keras.Model, stored: Mapping[str, np.ndarray]) -> None:
        for name, variables in _state(model).items():
            values = _listed(stored, name)
            if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
                raise DataError(f"{self.run.folder} was begun by another version of tomo: delete it, and train anew")
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value if value.dtype.kind != "V" else value.view(variable.dtype))
        self.average.weights = _listed(stored, "average")
        self.average.best = _listed(stored, "best") or None
        self.average.best_loss = float(stored["best_loss"])
        self.rows = json.loads(str(stored["history"]))

    def on_train_begin(self, logs: Any = None) -> None:
        self._begun = time.monotonic() - (self.rows[-1]["seconds"] if self.rows else 0.0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.monotonic() - self._begun
        self.rows.append(
            {"epoch": epoch, "seconds": seconds, **{name: float(value) for name, value in (logs or {}).items()}}
        )
        arrays: dict[str, Any] = {"history": json.dumps(self.rows), "best_loss": self.average.best_loss}
        lists = {**_state(self.model), "average": self.average.weights, "best": self.average.best or []}
        for name, values in lists.items():
            arrays.update({f"{name}/{number:04d}": np.asarray(value) for number, value in enumerate(values)})
        with whole_file(self.run.checkpoint_file) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        self._write_history()
        if self.over:
            self.model.stop_training = True

    def _write_history(self) -> None:
        text = io.StringIO()
        if self.rows:
            writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        write_text(self.run.history_file, text.getvalue())


def _state(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {"weights": model.variables, "optimizer": model.optimizer.variables}


def _listed(stored: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    """The arrays `name/0000`, `name/0001`, ..."""
    return [stored[key] for key in sorted(stored) if key.split("/")[0] == name]
