"""The panels of a survey on disk: made once, in parallel, continued after a kill, with checksums, beside the shards.

    SURVEY/panels/DIGEST/panels.json    what they are made of; the digest is of it
    SURVEY/panels/DIGEST/references.npy simulated gathers of the reference profiles
    SURVEY/panels/DIGEST/NNNNN.h5       panels float16 (model, view, depth, x, channel) of 16 models

View 0 is made of all traces. The others, which only training models have, are made of random parts of the receivers and
sources, and of the next best reference: a network that has seen them relies on no one line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from data_gen.errors import DataError
from data_gen.files import locked, sweep, whole_file, write_json
from data_gen.machine import available_cores
from data_gen.migration.panels import PanelDefinition, PanelMaker
from data_gen.migration.reference import simulate_profiles
from data_gen.production.pool import run_pool
from data_gen.production.worker import Tell
from data_gen.survey.checked import checked_file, is_whole, verify
from data_gen.survey.reader import Survey
from data_gen.survey.specification import MODELS_PER_SHARD

RECEIVERS, SOURCES = (0.45, 1.0), (0.6, 1.0)
"""The parts of receivers and sources that a view keeps are drawn between these."""

FEWEST_SOURCES = 4


class PanelStore:
    """The panels of a survey's models, in a number of views; see `make`."""

    def __init__(self, survey: Survey, definition: PanelDefinition, views: int = 1) -> None:
        self.survey, self.definition, self.views = survey, definition, views
        digest = hashlib.sha256(json.dumps(_record(definition, views), sort_keys=True).encode()).hexdigest()
        assert survey.folder is not None
        self.folder = survey.folder / "panels" / digest[:12]

    def make(self, workers: int | None = None, progress: Callable[[int], None] = lambda models: None) -> None:
        """Make what is missing, by `workers` processes, one per core if not given; `progress` is told of models.

        Raises DataError for gathers that panels cannot be made of, MachineError for a full disk, a missing compiler, or
        where another process makes the same panels.
        """
        shards = self.survey.specification.shards
        missing = [shard for shard in range(shards) if not is_whole(self._path(shard))]
        progress(sum(len(self.survey.specification.shard_models(shard)) for shard in set(range(shards)) - {*missing}))
        if not missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder, "making of panels"):
            sweep(self.folder)
            write_json(self.folder / "panels.json", _record(self.definition, self.views))
            references = self.folder / "references.npy"
            if not references.exists():
                gathers = simulate_profiles(np.array(self.definition.profiles), self.survey.acquisition)
                with whole_file(references) as temporary, open(temporary, "wb") as file:
                    np.save(file, gathers)
            run_pool(PanelJob(self), missing, workers or available_cores(), progress)

    def verify(self) -> None:
        """Read every byte; raises DataError where any is not what was written."""
        for shard in range(self.survey.specification.shards):
            verify(self._path(shard))

    def panels(self, indices: Sequence[int] | np.ndarray, views: np.ndarray | None = None) -> np.ndarray:
        """Panels of the given models, float16 (model, depth, x, channel), each in the view (model,) asked for, or 0."""
        rows = np.asarray(indices, np.int64).ravel()
        wanted = np.zeros(len(rows), int) if views is None else views
        values = np.empty((len(rows), *self.definition.shape), np.float16)
        for shard in np.unique(rows // MODELS_PER_SHARD):
            try:
                with h5py.File(self._path(int(shard)), "r") as file:
                    for position in np.flatnonzero(rows // MODELS_PER_SHARD == shard):
                        values[position] = file["panels"][rows[position] % MODELS_PER_SHARD, wanted[position]]
            except (OSError, KeyError, ValueError) as error:
                raise DataError(f"{self._path(int(shard))} cannot be read: {error}") from None
        return values

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.h5"


@dataclass(frozen=True)
class PanelJob:
    """The making of a store's shards."""

    store: PanelStore

    def models(self, shard: int) -> range:
        """Indices of the models in a shard."""
        return self.store.survey.specification.shard_models(shard)

    def maker(self) -> PanelShardMaker:
        """What makes them."""
        return PanelShardMaker(self.store)


class PanelShardMaker:
    """Makes the shards of panels of a store."""

    def __init__(self, store: PanelStore) -> None:
        self._store = store
        references = np.load(store.folder / "references.npy", mmap_mode="r")
        self._maker = PanelMaker(store.definition, store.survey.acquisition, references)

    def make(self, shard: int, tell: Tell) -> None:
        """Make a shard; raises DataError for gathers that panels cannot be made of."""
        survey, views = self._store.survey, self._store.views
        models = survey.specification.shard_models(shard)
        panels = np.zeros((len(models), views, *self._store.definition.shape), np.float16)
        for row, index in enumerate(models):
            tell("model", index)
            count = views if index in survey.train else 1
            panels[row, :count] = views_of(self._maker, survey.gathers([index])[0], index, count)
            tell("done", 1)
        with checked_file(self._store._path(shard)) as file:
            file["panels"] = panels


def views_of(maker: PanelMaker, gathers: np.ndarray, index: int, views: int) -> np.ndarray:
    """Panels (view, depth, x, channel) of the gathers (source, receiver, time) of model `index`."""
    panels = [maker.panels(gathers)]
    for view in range(1, views):
        live = _part(np.random.default_rng([view, index]), *gathers.shape[:2])
        panels.append(maker.panels(gathers, live, rank=view - 1))
    return np.stack(panels)


def _part(rng: np.random.Generator, sources: int, receivers: int) -> np.ndarray:
    """Which traces (source, receiver) a view is made of."""
    receiver_lives = rng.random(receivers) < rng.uniform(*RECEIVERS)
    source_lives = rng.random(sources) < rng.uniform(*SOURCES)
    if np.count_nonzero(source_lives) < min(FEWEST_SOURCES, sources):
        source_lives[:] = True
    receiver_lives[rng.integers(receivers)] = True
    return source_lives[:, None] & receiver_lives[None]


def _record(definition: PanelDefinition, views: int) -> dict:
    return {"format": 1, "views": views, **definition.to_json()}
