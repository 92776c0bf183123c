"""A training whose loss and score are taken every so many iterations, and that goes on where it was killed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data_gen.errors import DataError
from data_gen.files import whole_file
from data_gen.reading import check_regular, reading
from training.benchmark.comparison import gradients_per_iteration
from training.benchmark.cost import device, float32_throughout
from training.sqgn.optimizer import SQGN
from training.sqgn.partition import Partition

SECONDS_BETWEEN_CHECKPOINTS = 60.0
SHARE_OF_CHECKPOINTS = 0.05
"""The most of the time that goes into checkpoints: those of large networks are written less often."""


@dataclass
class Curve:
    """Loss and score of the test set after each epoch, None where they are no number, and the steps rolled back."""

    loss: list[float | None] = field(default_factory=list)
    score: list[float | None] = field(default_factory=list)
    rollbacks: float = 0.0


class Follow(keras.callbacks.Callback):
    """Takes loss and score every `iterations`; ends the training after `epochs` of them, or when it has diverged.

    `score(model)` returns both. What is needed to go on is kept in `checkpoint`, at most once a minute.
    """

    def __init__(
        self,
        score: Callable[[keras.Model], tuple[float, float]],
        iterations: int,
        epochs: int,
        checkpoint: Path,
        identity: dict[str, Any],
    ) -> None:
        super().__init__()
        self.score, self.iterations, self.epochs = score, iterations, epochs
        self.checkpoint, self.identity = checkpoint, identity
        self.curve = Curve()
        self._saved, self._pause = time.monotonic(), SECONDS_BETWEEN_CHECKPOINTS

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or the loss has become no number."""
        return len(self.curve.loss) >= self.epochs or None in self.curve.loss

    def on_train_begin(self, logs: Any = None) -> None:
        self.done = int(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.done += 1
        if self.done % self.iterations == 0:
            for name, value in zip(("loss", "score"), self.score(self.model), strict=True):
                getattr(self.curve, name).append(_rounded(value) if np.isfinite(value) else None)
            self.model.stop_training = self.over

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.curve.rollbacks += float((logs or {}).get("rollbacks", 0.0))
        if time.monotonic() - self._saved > self._pause:
            self.save()

    def save(self) -> None:
        """Write the checkpoint; raises MachineError where it cannot be written."""
        begun = time.monotonic()
        record = json.dumps({"identity": self.identity, "curve": asdict(self.curve)})
        arrays: dict[str, Any] = {f"{i:05d}": np.asarray(variable) for i, variable in enumerate(_state(self.model))}
        with whole_file(self.checkpoint) as temporary, open(temporary, "wb") as file:
            np.savez(file, record=np.array(record), **arrays)
        self._saved = time.monotonic()
        self._pause = max(SECONDS_BETWEEN_CHECKPOINTS, (self._saved - begun) / SHARE_OF_CHECKPOINTS)

    def restore(self, model: keras.Model) -> None:
        """Load the checkpoint, if there is one. Raises DataError where it is damaged or of another training."""
        if not self.checkpoint.exists():
            return
        check_regular(self.checkpoint)
        with reading(self.checkpoint), np.load(self.checkpoint, allow_pickle=False) as stored:
            record = json.loads(str(stored["record"]))
            values = [stored[name] for name in sorted(set(stored) - {"record"})]
            variables = _state(model)
            same = [value.shape for value in values] == [tuple(variable.shape) for variable in variables]
            if not same or record["identity"] != json.loads(json.dumps(self.identity)):
                raise DataError(f"{self.checkpoint} is of another training: delete it")
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            self.curve = Curve(**record["curve"])


def follow(
    model: keras.Model,
    partition: Partition,
    score: Callable[[keras.Model], tuple[float, float]],
    epochs: int,
    iterations: int | None,
    checkpoint: Path,
    identity: dict[str, Any],
) -> dict[str, Any]:
    """Train a compiled model; returns its curve, the iterations of an epoch and the gradients that one costs.

    An epoch is so many `iterations` whatever the mini-batches' number, None for a pass over them. `identity` tells the
    training from others, in values that JSON knows. Raises as `Follow`.
    """
    batches = len(partition)
    if isinstance(model.optimizer, SQGN):
        model.optimizer.batches_per_epoch = batches
    model.optimizer.build(model.trainable_variables)
    float32_throughout()
    watch = Follow(score, iterations or batches, epochs, checkpoint, identity)
    watch.restore(model)
    if not watch.over:
        passes = -(-epochs * watch.iterations // batches)
        begun = int(model.optimizer.iterations) // batches
        model.fit(partition, epochs=passes, initial_epoch=begun, verbose=0, callbacks=[watch])
    return {
        **asdict(watch.curve),
        "device": device(),
        "iterations": watch.iterations,
        "gradients_per_iteration": gradients_per_iteration(model.optimizer, batches),
    }


def _rounded(value: float) -> float:
    """Six digits: more would only make the file larger."""
    return float(f"{value:.6g}")


def _state(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]
