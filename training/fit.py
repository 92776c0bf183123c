"""Training in Keras's own `fit`: the model, the optimizer, the callbacks, and going on after a kill."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from typing import Any

import h5py
import keras
import numpy as np

from data_gen.errors import DataError, SettingError
from data_gen.survey.reader import Survey
from models.architecture import ARCHITECTURES, pooled
from models.tomography import tomography_network
from training.augmentation import AUGMENTATIONS
from training.evaluation.scores import ssim, tomography_loss
from training.loss import KILOMETRE, SquaredError
from training.pipeline import conditioning, in_order, training_partition
from training.runs import Run, Settings
from training.sqgn.model import SecondOrderModel
from training.sqgn.optimizer import SQGN

PREDICTION_BATCH = 8


def make_optimizer(settings: Settings) -> keras.optimizers.Optimizer:
    """The optimizer that the settings name, with its own learning rate unless they give one."""
    rate: dict[str, Any] = {} if settings.learning_rate is None else {"learning_rate": settings.learning_rate}
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(**{"learning_rate": 3e-3, **rate})
    if settings.optimizer == "sqgn":
        return SQGN(**rate)
    return SQGN.reference(**rate)


def check_survey(settings: Settings, survey: Survey) -> None:
    """Raise SettingError where gathers are too small for the architecture, or models too few for a mini-batch."""
    shape = survey.specification.acquisition.gather_shape
    if min(pooled(shape, ARCHITECTURES[settings.architecture])) < 1:
        raise SettingError(f"gathers of {shape} are too small for the network {settings.architecture!r}")
    if not 0 < settings.batch_size <= len(survey.train):
        raise SettingError(
            f"{survey.folder} has {len(survey.train)} models for training, too few for mini-batches of "
            f"{settings.batch_size}"
        )


def make_model(
    settings: Settings, survey: Survey, optimizer: keras.optimizers.Optimizer | None = None
) -> SecondOrderModel:
    """The network for this survey, compiled with the given optimizer or the one that the settings name.

    Raises SettingError as `check_survey`.
    """
    check_survey(settings, survey)
    convolutions = ARCHITECTURES[settings.architecture]
    model = tomography_network(convolutions, conditioning(survey), SecondOrderModel, settings.seed)
    model.micro_batch = settings.micro_batch
    model.compile(optimizer=optimizer or make_optimizer(settings), loss=SquaredError(), jit_compile=False)
    return model


def train(
    run: Run,
    survey: Survey,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 1,
) -> keras.Model:
    """Train a run to its last epoch, from its checkpoint if it has one; returns the final model, also on disk.

    The weights after a kill and a second call are those of an uninterrupted training, to the bit.
    """
    settings = run.settings
    keras.utils.set_random_seed(settings.seed)
    model = make_model(settings, survey)
    partition = training_partition(survey, settings.batch_size, settings.seed, AUGMENTATIONS[settings.augment])
    checkpoint = Checkpoint(run, len(partition))
    checkpoint.restore(model)
    model.fit(
        partition,
        epochs=settings.epochs,
        initial_epoch=checkpoint.epoch,
        verbose=verbose,
        callbacks=[
            TestScores(survey),
            keras.callbacks.CSVLogger(run.history_file, append=True),
            keras.callbacks.TensorBoard(run.folder / "tensorboard", write_graph=False),
            *callbacks,
            checkpoint,
        ],
    )
    part = run.folder / "part.keras"
    model.save(part)
    os.replace(part, run.model_file)
    return model


class TestScores(keras.callbacks.Callback):
    """Scores on the test split after each epoch: `val_loss` [(km/s)²], `val_rmse` [m/s] and `val_ssim`.

    They are watched, not used: no weights are chosen by them.
    """

    __test__ = False

    def __init__(self, survey: Survey) -> None:
        super().__init__()
        self.limits = survey.specification.acquisition.velocity_limits
        self.reference = survey.velocity(survey.test)
        self.batches = in_order(survey, survey.test, PREDICTION_BATCH) if len(survey.test) else None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.batches is None or logs is None:
            return
        prediction = self.model.predict(self.batches, verbose=0)
        loss = tomography_loss(prediction, self.reference)
        logs["val_loss"] = loss / KILOMETRE**2
        logs["val_rmse"] = float(np.sqrt(loss / self.reference[0].size))
        logs["val_ssim"] = float(np.mean(ssim(prediction, self.reference, self.limits)))


class Checkpoint(keras.callbacks.Callback):
    """Weights and optimizer state in one file after each epoch, replaced atomically.

    The epoch is read from the optimizer's own iteration count, so that there is no second file to disagree with.
    """

    def __init__(self, run: Run, batches: int) -> None:
        super().__init__()
        self.run = run
        self.batches = batches
        self.epoch = 0

    def restore(self, model: keras.Model) -> None:
        """Load the checkpoint, if there is one, and cut the history back to it."""
        if isinstance(model.optimizer, SQGN):
            model.optimizer.batches_per_epoch = self.batches
        model.optimizer.build(model.trainable_variables)
        if self.run.checkpoint_file.exists():
            self._check_state(model.optimizer)
            model.load_weights(self.run.checkpoint_file)
            self.epoch = int(model.optimizer.iterations) // self.batches
        if self.run.history_file.exists():
            with self.run.history_file.open(newline="") as file:
                header, *rows = csv.reader(file)
            with self.run.history_file.open("w", newline="") as file:
                csv.writer(file).writerows([header, *rows[: self.epoch]] if self.epoch else [])

    def _check_state(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Keras would leave out a state of another length, and train on without a word."""
        with h5py.File(self.run.checkpoint_file) as file:
            saved = len(file["optimizer/vars"])
        if saved != len(optimizer.variables):
            raise DataError(f"{self.run.folder} was begun by another version of tomo: delete it, and train anew")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        part = self.run.folder / "part.weights.h5"
        self.model.save_weights(part, overwrite=True)
        os.replace(part, self.run.checkpoint_file)
