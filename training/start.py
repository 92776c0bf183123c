"""Training that begins with weights that are there: those of another run, or of the same one when it goes on.

The network is built around the statistics that it was trained with, and a network that reads panels keeps its own
definition of them: these are part of what its weights know.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from data_gen.errors import DataError, SettingError
from data_gen.migration.panels import PanelDefinition
from data_gen.survey.reader import Survey
from models.conditioning import Conditioning
from models.registry import NETWORKS, PANELS
from training.archive import Card, load_network, read_card
from training.callbacks import Average, Checkpoint
from training.origin import Source
from training.predictor import network_file
from training.runs import GRID_FIELDS, Run, any_run


def source_of(name: str) -> Source:
    """The network of a run to begin with, by any of the names that `load` takes; of a run's folder its training models
    are known. Raises DataError where there is none."""
    file = network_file(name)
    run = any_run(file.parent)
    known = run is not None and (run.start is None or run.start.known)
    return Source(Path(name).resolve().name, file, run.trained_on() if run is not None and known else None)


def check_start(file: Path, name: str, network: str, survey: Survey) -> Card:
    """What belongs to the network of an archive that is to be trained on a survey.

    Raises SettingError where another network is asked for, DataError where it cannot read the survey.
    """
    card = read_card(file)
    if card.settings.network != network:
        raise SettingError(f"{name} is a network {card.settings.network!r}: give --network {card.settings.network}")
    different = card.acquisition.differences(survey.acquisition)
    if NETWORKS[network].reads == PANELS:
        different = [field for field in different if field in GRID_FIELDS]
    if different:
        raise DataError(f"{name} was trained on another geometry than {survey.name}: {', '.join(different)}")
    return card


def definition_of(run: Run) -> PanelDefinition | None:
    """The panels that the network which a run begins with was trained on; None for a run that begins anew."""
    return None if run.start is None else read_card(run.start_file).panels


def conditioning_of(run: Run) -> Conditioning | None:
    """The statistics that the network was built around which a run begins with; None for a run that begins anew."""
    if run.start is None:
        return None
    return Conditioning.of(load_network(run.start_file), read_card(run.start_file).mean_velocity)


def begin(run: Run, model: keras.Model, average: Average, checkpoint: Checkpoint) -> None:
    """Give a model the weights that its run begins with, unless there is a checkpoint to go on from.

    A run that goes on keeps its history, and these weights as the best ones so far.
    """
    if run.start is None or run.checkpoint_file.exists():
        return
    network = load_network(run.start_file)
    model.set_weights(network.get_weights())
    if not run.start.epochs:
        return
    history = run.history()
    rows = [dict(zip(history, row, strict=True)) for row in zip(*history.values(), strict=True)]
    checkpoint.rows = [{**row, "epoch": int(row["epoch"])} for row in rows]
    if "val_objective" in history:
        average.best = [np.array(variable) for variable in network.trainable_variables]
        average.best_loss = float(np.min(history["val_objective"]))
