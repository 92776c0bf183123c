"""All that decides the weights a training ends with, given the survey."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from data_gen.errors import SettingError
from models.registry import NETWORKS, PANELS
from training.augmentation import AUGMENTATIONS
from training.loss import LOSSES
from training.optimizers import OPTIMIZERS, SCHEDULES

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Precision -> Keras's name of it."""


def choose(kind: str, name: str, among: Iterable[str]) -> None:
    """Raise SettingError where a name is not among those of its kind."""
    if name not in among:
        raise SettingError(f"unknown {kind} {name!r}: choose from {', '.join(among)}")


@dataclass(frozen=True)
class Settings:
    """The settings of a training; SettingError for what cannot be.

    Args:
        optimizer: a name in `training.optimizers.OPTIMIZERS`.
        network: a name in `models.registry.NETWORKS`.
        epochs: passes over the training models.
        batch_size: models in a mini-batch.
        learning_rate: None for the optimizer's own.
        schedule: what becomes of the learning rate over the epochs, a name in `training.optimizers.SCHEDULES`.
        seed: of initial weights, mini-batches and augmentation.
        micro_batch: models that pass through the network at a time, None for the whole mini-batch; the same result.
        augment: a name in `training.augmentation.AUGMENTATIONS`.
        validation: the share of the training models that is held back, to choose weights by; 0 for none.
        loss: a name in `training.loss.LOSSES`.
        precision: of the layers' arithmetic in training, one of `PRECISIONS`; weights and loss are float32.
        views: panels of each training model: the first of all traces, the others of random parts of them.
        patience: epochs without a better one on the validation models after which a training ends; None for never.
        average: how much of the moving average of the weights is kept at an iteration; 0 for the weights themselves.
        curvature_interval: of SQGN, iterations from one curvature pair to the next; None for the optimizer's own.
        max_step: of SQGN, where the limit on its steps begins; None for the optimizer's own.
    """

    optimizer: str
    network: str
    epochs: int
    batch_size: int
    learning_rate: float | None = None
    schedule: str = "constant"
    seed: int = 0
    micro_batch: int | None = None
    augment: str = "none"
    validation: float = 0.0
    average: float = 0.0
    loss: str = "squared"
    precision: str = "float32"
    views: int = 4
    patience: int | None = None
    curvature_interval: int | None = None
    max_step: float | None = None

    @property
    def noisy_views(self) -> bool:
        """Whether views of a model are panels of gathers with noise."""
        return self.augment == "all"

    def __post_init__(self) -> None:
        choose("optimizer", self.optimizer, OPTIMIZERS)
        choose("network", self.network, NETWORKS)
        choose("schedule", self.schedule, SCHEDULES)
        choose("augmentation", self.augment, AUGMENTATIONS)
        choose("loss", self.loss, LOSSES)
        choose("precision", self.precision, PRECISIONS)
        of_sqgn = ("curvature_interval", "max_step")
        for name in ("epochs", "batch_size", "learning_rate", "micro_batch", "views", "patience", *of_sqgn):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise SettingError(f"{name.replace('_', ' ')} must be positive, not {value}")
        for name in of_sqgn:
            if getattr(self, name) is not None and not OPTIMIZERS[self.optimizer].second_order:
                raise SettingError(f"{name.replace('_', ' ')} is a setting of SQGN, not of {self.optimizer}")
        if self.noisy_views and self.views < 2 and NETWORKS[self.network].reads == PANELS:
            raise SettingError("noise is in the further views of a model alone: --augment all needs two --views")
        if self.seed < 0:
            raise SettingError(f"a seed is not negative, as {self.seed} is")
        if self.patience is not None and self.validation == 0:
            raise SettingError("patience needs models for validation, by which a better epoch is told")
        for name in ("validation", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingError(f"{name} is a share: at least 0 and below 1, not {getattr(self, name)}")
