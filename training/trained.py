"""What was trained, by one name: a run, or an ensemble of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_gen.survey.reader import Survey
from training.ensemble import Ensemble, is_ensemble, member_folder, read_record
from training.loading import load
from training.predictor import Predictor
from training.runs import Run, open_run
from training.settings import Settings


@dataclass(frozen=True)
class Trained:
    """A folder with a finished run, or an ensemble; `runs` are the one, or the members."""

    folder: Path
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """The folder's name, by which tables and figures call it."""
        return self.folder.resolve().name

    @property
    def first(self) -> Run:
        """The run, or the first member: the others have its survey and its settings, but for the seed."""
        return self.runs[0]

    @property
    def settings(self) -> Settings:
        """Of the first run."""
        return self.first.settings

    def load(self) -> Predictor | Ensemble:
        """What predicts; raises DataError where it is damaged."""
        return load(self.folder)

    def trained_on(self) -> set[str]:
        """Fingerprints of the models that any of the weights come from."""
        return set().union(*(run.trained_on() for run in self.runs))

    def check_geometry(self, survey: Survey) -> None:
        """Raise DataError unless the networks can read the survey."""
        for run in self.runs:
            run.check_geometry(survey)

    def history(self) -> dict[str, list[float]]:
        """The columns of the history by name: means of the members, up to the last epoch of the shortest; their seconds
        are added up."""
        histories = [run.history() for run in self.runs]
        epochs = min(len(history["loss"]) for history in histories)
        joined = {}
        for name in histories[0]:
            columns = np.array([history[name][:epochs] for history in histories if name in history])
            joined[name] = (columns.sum(axis=0) if name == "seconds" else columns.mean(axis=0)).tolist()
        return joined


def open_trained(folder: str | Path) -> Trained:
    """What was trained in a folder; raises DataError where it is no finished run, and no ensemble of such."""
    folder = Path(folder)
    if is_ensemble(folder):
        members, _ = read_record(folder)
        return Trained(folder, tuple(open_run(member_folder(folder, member)) for member in range(members)))
    return Trained(folder, (open_run(folder),))
