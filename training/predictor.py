"""A trained network ready for use: gathers in, velocity models out."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.migration.panels import PanelMaker
from data_gen.migration.reference import simulate_profiles
from data_gen.phase import turn
from data_gen.survey.reader import Survey
from training.archive import Card, load_network, read_card
from training.panels import samples_of
from training.pipeline import PREDICTION_BATCH, in_order
from training.runs import open_run

RANK_WEIGHTS = (3 / 7, 2 / 7, 1 / 7, 1 / 7)
"""What the answers to panels in the best reference, the next best, and so on count in a prediction; see
docs/experiments.md."""


class Predictor:
    """The network of a run, with what it was trained with; see `load_predictor`."""

    def __init__(self, network: keras.Model, card: Card) -> None:
        self.network, self.card = network, card
        self._makers: dict[Acquisition, PanelMaker] = {}
        self.turned: list[float] = []
        """Phases [degrees] that gathers were turned back by before they were read, so far."""

    @property
    def acquisition(self) -> Acquisition:
        """The acquisition that the network was trained for."""
        return self.card.acquisition

    def predict(self, gathers: np.ndarray, acquisition: Acquisition | None = None) -> np.ndarray:
        """Velocity models (model, depth, x) [m/s] of gathers (model, source, receiver, time), or of one survey alone.

        A network that reads panels takes gathers of any `acquisition` over its grid, in any unit, their wavelet's phase
        turned by any angle; others those that they were trained for. Raises DataError for gathers that do not fit, or
        with samples that are not finite.
        """
        return self.velocity(self.inputs(gathers, acquisition))

    def with_deviation(self, gathers: np.ndarray, acquisition: Acquisition | None = None) -> tuple[np.ndarray, None]:
        """As `Ensemble.with_deviation`; one network alone does not know how sure it is."""
        return self.predict(gathers, acquisition), None

    def inputs(self, gathers: np.ndarray, acquisition: Acquisition | None = None) -> np.ndarray:
        """What the network reads of gathers, (rank, model, ...): their panels in each of the best references, or
        themselves, of one rank; as `predict`."""
        acquisition = acquisition or self.acquisition
        values = np.asarray(gathers, np.float32)
        values = values[None] if values.ndim == 3 else values
        if values.shape[1:] != acquisition.gather_shape:
            raise DataError(f"gathers of shape {np.shape(gathers)} are not those of {acquisition}")
        if not np.isfinite(values).all():
            raise DataError("gathers hold samples that are not finite")
        if self.card.panels is not None:
            maker = self._maker(acquisition)
            values, phases = self._straight(values, acquisition)
            self.turned += phases
            return np.stack([[maker.panels(each, rank=rank) for each in values] for rank in range(self._ranks)])
        elif acquisition != self.acquisition:
            raise DataError(f"this network knows gathers of {self.acquisition} alone, not of {acquisition}")
        return values[None]

    @property
    def _ranks(self) -> int:
        return 1 if self.card.panels is None else len(RANK_WEIGHTS)

    def predict_models(
        self, survey: Survey, indices: np.ndarray, progress: Callable[[int], None] = lambda models: None
    ) -> np.ndarray:
        """Velocity models (model, depth, x) [m/s] of models of a survey; its panels are made if they are not there.

        `progress` is told of panels as they are made.
        """
        network, ranks = self.card.settings.network, self._ranks
        samples = samples_of(network, survey, self.card.panels, progress=progress, only=indices, ranks=ranks)
        batches = zip(*(in_order(samples, indices, rank=rank) for rank in range(ranks)), strict=True)
        return np.concatenate([self.velocity(np.stack([inputs for inputs, _ in batch])) for batch in batches])

    def velocity(self, inputs: np.ndarray) -> np.ndarray:
        """The network's answer (model, depth, x) [m/s] to its inputs (rank, model, ...).

        Panels in each of the references are also given mirrored, the answers averaged and kept to the limits, and what
        may be salt is decided.
        """
        if self.card.panels is None:
            return self._answers(inputs[0])
        both = self._answers(np.concatenate([*inputs, *inputs[:, :, :, ::-1]]))
        turned = both.reshape(2, *inputs.shape[:2], *both.shape[1:])
        answers = (turned[0] + turned[1, ..., ::-1]) / 2
        weighted = np.average(answers, axis=0, weights=RANK_WEIGHTS).astype(np.float32)
        return self.card.decision(np.clip(weighted, *self.acquisition.velocity_limits))

    def _answers(self, inputs: np.ndarray) -> np.ndarray:
        return self.network.predict(inputs, batch_size=PREDICTION_BATCH, verbose=0)

    def straight(self, gathers: np.ndarray, acquisition: Acquisition) -> np.ndarray:
        """Gathers (model, source, receiver, time) as the network reads them: their wavelet in the phase of training."""
        return gathers if self.card.panels is None else self._straight(gathers, acquisition)[0]

    def _straight(self, gathers: np.ndarray, acquisition: Acquisition) -> tuple[np.ndarray, list[float]]:
        """Gathers turned back, and the angles [degrees] of those that were."""
        maker = self._maker(acquisition)
        phases = [maker.phase(each) for each in gathers]
        turned = [turn(each, -phase) if phase else each for each, phase in zip(gathers, phases, strict=True)]
        return np.stack(turned).astype(np.float32), [phase for phase in phases if phase]

    def _maker(self, acquisition: Acquisition) -> PanelMaker:
        """What makes the panels of an acquisition; kept, since its references must be simulated."""
        if acquisition not in self._makers:
            assert self.card.panels is not None
            profiles = np.array(self.card.panels.profiles)
            references = simulate_profiles(profiles, acquisition)
            self._makers[acquisition] = PanelMaker(self.card.panels, acquisition, references)
        return self._makers[acquisition]


PRETRAINED = "pretrained"


def load_predictor(run: str | Path) -> Predictor:
    """The network of a finished run: its folder, or its `model.keras` alone; or the one that comes with tomo,
    `pretrained`.

    Raises DataError where it is no such thing, damaged, or not finished.
    """
    file = network_file(run)
    return Predictor(load_network(file), read_card(file))


def network_file(run: str | Path) -> Path:
    """The archive of a run's network, by any of the names that `load_predictor` takes; raises DataError as that."""
    path = Path(run)
    if str(run) == PRETRAINED and not path.exists():
        return Path(str(importlib.resources.files("models") / "pretrained" / "laptop.keras"))
    return path if path.suffix == ".keras" else open_run(path).model_file
