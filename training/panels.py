"""The panels that a network is trained on: their definition, from the training models, and their making."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data_gen.errors import SettingError
from data_gen.migration.panels import PanelDefinition, PanelMaker
from data_gen.migration.reference import draw_profiles, simulate_profiles
from data_gen.migration.store import PanelStore
from data_gen.migration.views import in_view
from data_gen.survey.reader import Survey
from models.registry import GATHERS, NETWORKS
from training.samples import GatherSamples, PanelSamples, Read, Samples

PROFILES = 48
"""References of a survey: with 48 the best one leaves 24 % of the energy of `laptop` gathers, with one 78 %."""

MODELS_FOR_PROFILES = 800
"""So many training models tell what profiles there are; more are no other."""


def define_panels(survey: Survey) -> PanelDefinition:
    """The panels of a survey: references from its training models, everything else by default.

    Raises SettingError where there is no training model.
    """
    if not len(survey.train):
        raise SettingError(f"{survey.name} has no models for training")
    velocity = survey.velocity(survey.train[:MODELS_FOR_PROFILES])
    profiles = draw_profiles(velocity, survey.acquisition.grid.spacing, PROFILES)
    return PanelDefinition(survey.acquisition.grid, tuple(map(tuple, np.round(profiles, 3).tolist())))


def samples_of(
    network: str,
    survey: Survey,
    definition: PanelDefinition | None = None,
    views: int = 1,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda panels: None,
    only: np.ndarray | None = None,
    ranks: int = 1,
    noise: bool = False,
) -> Samples:
    """What a network of this name reads of a survey: its gathers, or its panels, which are made if they are not there.

    `definition` is that of the network's panels; without one the survey is for training, and they are defined by it.
    `views` of the training models are made, with `noise` or without, and of all models panels in the best references of
    `ranks`. `progress` is told of panels as they are made; with `only` some models, by their indices, panels are made
    for these, every byte is verified. Raises DataError for panels that cannot be made or are damaged, MachineError as
    `PanelStore.make`.
    """
    if NETWORKS[network].reads == GATHERS:
        return GatherSamples(survey)
    definition = definition or define_panels(survey)
    if survey.folder is None:
        return PanelSamples(
            survey, definition, views, _in_memory(survey, definition, views, ranks, noise), lambda: None
        )
    store = PanelStore(survey, definition, views, ranks, noise)
    store.make(workers, progress, only)
    if only is not None:
        store.verify(only)
    return PanelSamples(survey, definition, views, store.panels, store.verify)


def _in_memory(survey: Survey, definition: PanelDefinition, views: int, ranks: int, noise: bool) -> Read:
    """The panels of a survey without a folder, made by this process and kept."""
    references = simulate_profiles(np.array(definition.profiles), survey.acquisition)
    maker = PanelMaker(definition, survey.acquisition, references)
    looks = [(0, rank) for rank in range(ranks)] + [(view, 0) for view in range(1, views)]
    panels = {
        (index, view, rank): in_view(maker, survey.gathers([index])[0], index, view, rank, noise).astype(np.float16)
        for index in range(len(survey))
        for view, rank in looks
    }
    return lambda indices, wanted, rank: np.stack(
        [panels[index, view, rank] for index, view in zip(indices, wanted, strict=True)]
    )
