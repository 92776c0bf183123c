"""The panels of a survey on disk: made once, in parallel, continued after a kill, with checksums, beside the shards.

    SURVEY/panels/DIGEST/panels.json      what they are made of; the digest is of it
    SURVEY/panels/DIGEST/references.h5    simulated gathers of the reference profiles
    SURVEY/panels/DIGEST/NNNNN.h5         panels float16 (model, depth, x, channel) of 16 models
    SURVEY/panels/DIGEST/NNNNN-view1.h5   the same in another view
    SURVEY/panels/DIGEST/NNNNN-view1-noise.h5  the same with noise
    SURVEY/panels/DIGEST/NNNNN-rank1.h5   the same in the next best reference

Views are for training (`views`). Panels of all traces in the next best references are for predictions, which are
averaged over them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.files import locked, sweep, write_json
from data_gen.machine import available_cores
from data_gen.migration.panels import PanelDefinition, PanelMaker
from data_gen.migration.reference import simulate_profiles
from data_gen.migration.views import in_view
from data_gen.production.pool import run_pool
from data_gen.production.worker import Tell
from data_gen.reading import dataset, hdf5
from data_gen.survey.checked import checked_file, is_whole, is_whole_of, verify
from data_gen.survey.reader import Survey
from data_gen.survey.specification import MODELS_PER_SHARD, read_record

FORMAT = 2
"""To be counted up when the panels of the same gathers are others than before."""


@dataclass(frozen=True)
class Part:
    """The panels of a shard's models in a view, 0 for all traces, and in the reference of a `rank`, 0 for the best.

    Gathers may have noise.
    """

    shard: int
    view: int
    rank: int = 0
    noise: bool = False


class PanelStore:
    """The panels of a survey's models in the references of `ranks`, and of its training models further views.

    There are `views` of training models in all, of which all but the first have noise, if that is wanted.
    """

    def __init__(
        self, survey: Survey, definition: PanelDefinition, views: int = 1, ranks: int = 1, noise: bool = False
    ) -> None:
        self.survey, self.definition, self.views, self.noise = survey, definition, views, noise
        assert survey.folder is not None
        self._simulation = read_record(survey.folder)["simulation"]
        digest = hashlib.sha256(json.dumps(_record(definition, self._simulation), sort_keys=True).encode()).hexdigest()
        self.folder = survey.folder / "panels" / digest[:12]
        self._mapped: dict[Part, np.ndarray] = {}
        whole = survey.specification.shards
        with_training = -(-len(survey.train) // MODELS_PER_SHARD)
        self.parts = [Part(shard, 0, rank) for rank in range(ranks) for shard in range(whole)]
        self.parts += [Part(shard, view, 0, noise) for view in range(1, views) for shard in range(with_training)]

    def make(
        self,
        workers: int | None = None,
        progress: Callable[[int], None] = lambda panels: None,
        only: np.ndarray | None = None,
    ) -> None:
        """Make what is missing, by `workers` processes, one per core if not given; `progress` is told of panels.

        With `only` some models, by their indices, panels are made of the shards that hold them.
        Raises DataError for gathers that panels cannot be made of, MachineError for a full disk, a missing compiler, or
        where another process makes the same panels.
        """
        wanted = self._with(only)
        missing = [
            number
            for number in wanted
            if not is_whole_of(self.path(self.parts[number]), "panels", len(self.models(number)))
        ]
        progress(sum(len(self.models(number)) for number in set(wanted) - set(missing)))
        if not missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder, "making of panels"):
            sweep(self.folder)
            write_json(self.folder / "panels.json", _record(self.definition, self._simulation))
            if not is_whole(self.references):
                gathers = simulate_profiles(np.array(self.definition.profiles), self.survey.acquisition)
                with checked_file(self.references) as file:
                    file["gathers"] = gathers
            run_pool(PanelJob(self), missing, workers or available_cores(), progress)

    def __len__(self) -> int:
        """Number of panels of all models in all views."""
        return sum(len(self.models(number)) for number in range(len(self.parts)))

    def models(self, number: int) -> range:
        """Indices of the models in part `number`."""
        part = self.parts[number]
        models = self.survey.specification.shard_models(part.shard)
        return models if part.view == 0 else range(models.start, min(models.stop, len(self.survey.train)))

    def verify(self, only: np.ndarray | None = None) -> None:
        """Read every byte, or all of the parts with `only` some models; raises DataError for any other than written."""
        for number in self._with(only):
            verify(self.path(self.parts[number]))

    def _with(self, only: np.ndarray | None) -> list[int]:
        """Numbers of the parts that hold some models, by their indices; of all parts if none are given."""
        shards = set(range(self.survey.specification.shards) if only is None else np.unique(only // MODELS_PER_SHARD))
        return [number for number, part in enumerate(self.parts) if part.shard in shards]

    def panels(self, indices: Sequence[int] | np.ndarray, views: np.ndarray | None = None, rank: int = 0) -> np.ndarray:
        """Panels of the given models, float16 (model, depth, x, channel).

        Each is in the view (model,) asked for, or else of all traces, in the reference of a `rank`.
        """
        rows = np.asarray(indices, np.int64).ravel()
        wanted = np.zeros(len(rows), int) if views is None else views
        values = np.empty((len(rows), *self.definition.shape), np.float16)
        for position, (row, view) in enumerate(zip(rows, wanted, strict=True)):
            part = Part(int(row) // MODELS_PER_SHARD, int(view), rank, self.noise and view > 0)
            values[position] = self._map(part)[row % MODELS_PER_SHARD]
        return values

    @property
    def references(self) -> Path:
        """Where the simulated gathers of the reference profiles are kept."""
        return self.folder / "references.h5"

    def path(self, part: Part) -> Path:
        """Where a part is kept."""
        which = (f"-view{part.view}" if part.view else "") + (f"-rank{part.rank}" if part.rank else "")
        which += "-noise" if part.noise else ""
        return self.folder / f"{part.shard:05d}{which}.h5"

    def _map(self, part: Part) -> np.ndarray:
        """The panels of a part, mapped into memory: a training reads a few of each, at random, over and over."""
        if part not in self._mapped:
            path = self.path(part)
            with hdf5(path) as file:
                panels = dataset(file, "panels", (None, *self.definition.shape), "f")
                offset, shape, dtype = panels.id.get_offset(), panels.shape, panels.dtype
                if dtype != np.float16 or offset is None:
                    raise ValueError(f"it holds {dtype} of shape {shape}")
                self._mapped[part] = np.memmap(path, dtype, "r", offset, shape)
        return self._mapped[part]


@dataclass(frozen=True)
class PanelJob:
    """The making of a store's parts."""

    store: PanelStore

    def models(self, shard: int) -> range:
        """Indices of the models in a part."""
        return self.store.models(shard)

    def maker(self) -> PanelPartMaker:
        """What makes them."""
        return PanelPartMaker(self.store)


class PanelPartMaker:
    """Makes the parts of a store."""

    def __init__(self, store: PanelStore) -> None:
        self._store = store
        verify(store.references)
        with hdf5(store.references) as file:
            references = file["gathers"][()]
        self._maker = PanelMaker(store.definition, store.survey.acquisition, references)

    def make(self, shard: int, tell: Tell) -> None:
        """Make a part by its number; raises DataError for gathers that panels cannot be made of."""
        models, part = self._store.models(shard), self._store.parts[shard]
        panels = np.empty((len(models), *self._store.definition.shape), np.float16)
        for row, index in enumerate(models):
            tell("model", index)
            gathers = self._store.survey.gathers([index])[0]
            panels[row] = in_view(self._maker, gathers, index, part.view, part.rank, part.noise)
            tell("done", 1)
        with checked_file(self._store.path(part)) as file:
            file["panels"] = panels


def _record(definition: PanelDefinition, simulation: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, "simulation": dict(simulation), **definition.to_json()}
