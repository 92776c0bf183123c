"""How networks are trained unless one says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_gen.machine import multiplies_bfloat16

if TYPE_CHECKING:
    from training.settings import Settings

VALIDATION = 0.1
"""The share of the training models that is held back, to choose the best weights by."""


@dataclass(frozen=True)
class Recipe:
    """Fields of `training.settings.Settings` that go together; the last two are for SQGN alone."""

    epochs: int
    batch_size: int
    micro_batch: int | None = None
    schedule: str = "constant"
    average: float = 0.0
    loss: str = "squared"
    half_precision: bool = False
    curvature_interval: int | None = None
    max_step: float | None = None

    def settings(self, optimizer: str, network: str, models: int, **changes: Any) -> Settings:
        """Settings for so many training models, of which a mini-batch has no more; `changes` that are None are none.

        Arithmetic is in bfloat16 where the recipe says so and the processor has it. Raises SettingError for settings
        that cannot be.
        """
        from training.optimizers import OPTIMIZERS
        from training.settings import Settings, choose

        choose("optimizer", optimizer, OPTIMIZERS)
        changes = {name: value for name, value in changes.items() if value is not None}
        validation = changes.setdefault("validation", VALIDATION)
        batch_size = self.batch_size
        if 0 <= validation < 1:
            batch_size = max(1, min(batch_size, models - round(validation * models)))
        ours = {
            "epochs": self.epochs,
            "batch_size": batch_size,
            "micro_batch": self.micro_batch,
            "schedule": self.schedule,
            "average": self.average,
            "loss": self.loss,
            "augment": "mirror",
            "precision": "bfloat16" if self.half_precision and multiplies_bfloat16() else "float32",
        }
        if OPTIMIZERS[optimizer].second_order:
            ours |= {"curvature_interval": self.curvature_interval, "max_step": self.max_step}
        return Settings(optimizer=optimizer, network=network, **{**ours, **changes})


IMAGING = Recipe(
    epochs=60, batch_size=16, schedule="cosine", average=0.995, loss="pseudo-huber", half_precision=True,
    curvature_interval=4, max_step=0.3,
)  # fmt: skip
"""Of networks that read panels."""

CONVOLUTIONS = Recipe(epochs=60, batch_size=50)
"""Of the paper's network on gathers of any size."""
