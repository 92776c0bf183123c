"""The final network on disk: Keras's own archive, which any Keras loads, with what belongs to it beside.

    network = keras.saving.load_model("model.keras")

The archive is a ZIP file. Keras passes over the members that are added here: `tomo/settings.json`,
`tomo/acquisition.json` (grid, geometry, wavelet, velocity limits) and `tomo/mean_velocity.npy`, the mean model of the
training set; of a network that reads panels a fourth one, `tomo/panels.json`, says what they are made of, and a fifth,
`tomo/salt.json`, which of its answers are salt.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, MachineError
from data_gen.files import whole_file
from data_gen.migration.panels import PanelDefinition
from data_gen.reading import DAMAGE, cause, check_regular, typed
from training.decision import AS_ANSWERED, Decision
from training.settings import Settings

FOREIGN = ("Lambda", "could not be deserialized", "Could not locate", "Could not deserialize")
"""What Keras says of layers that it does not know, or would have to run somebody's code for."""


@dataclass(frozen=True)
class Card:
    """What a network was trained with; `mean_velocity` (depth, x) [m/s], `panels` of a network that reads them.

    `decision` says which answers are salt.
    """

    settings: Settings
    acquisition: Acquisition
    mean_velocity: np.ndarray
    panels: PanelDefinition | None = None
    decision: Decision = AS_ANSWERED


def save_network(network: keras.Model, card: Card, path: Path) -> None:
    """Write an archive, whole or not at all; raises MachineError where it cannot be written."""
    mean = io.BytesIO()
    np.save(mean, card.mean_velocity)
    with whole_file(path) as temporary:
        network.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr("tomo/settings.json", json.dumps(dataclasses.asdict(card.settings), indent=1))
            archive.writestr("tomo/acquisition.json", json.dumps(card.acquisition.to_json(), indent=1))
            archive.writestr("tomo/mean_velocity.npy", mean.getvalue())
            if card.panels is not None:
                archive.writestr("tomo/panels.json", json.dumps(card.panels.to_json()))
                archive.writestr("tomo/salt.json", json.dumps(card.decision.to_json()))


def read_card(path: Path) -> Card:
    """What belongs to the network of an archive; raises DataError where it is damaged or no such archive."""
    check_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            panels, decision = None, AS_ANSWERED
            if "tomo/panels.json" in archive.namelist():
                panels = PanelDefinition.from_json(json.loads(archive.read("tomo/panels.json")))
            if "tomo/salt.json" in archive.namelist():
                decision = Decision.from_json(json.loads(archive.read("tomo/salt.json")))
            card = Card(
                typed(Settings, json.loads(archive.read("tomo/settings.json"))),
                Acquisition.from_json(json.loads(archive.read("tomo/acquisition.json"))),
                np.load(io.BytesIO(archive.read("tomo/mean_velocity.npy")), allow_pickle=False),
                panels,
                decision,
            )
        card.acquisition.check_velocity(card.mean_velocity, "its mean model")
        if panels is not None and panels.grid != card.acquisition.grid:
            raise ValueError("its panels are of another grid than its acquisition")
        return card
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read as a network of tomo: {cause(error)}") from None


def load_network(path: Path) -> keras.Model:
    """The network of an archive, from what it reads to velocity (batch, depth, x) [m/s].

    Raises DataError where it is damaged, or holds code or classes of somebody else's.
    """
    check_regular(path)
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever it meets on the way
        if any(said in str(error) for said in FOREIGN):
            raise DataError(
                f"{path} holds code or classes that are not Keras's own, or is damaged: not loaded"
            ) from None
        raise DataError(f"{path} cannot be read: {cause(error)}") from None


def publish(source: Path, target: Path) -> None:
    """Copy an archive with its weights rounded to half precision, compressed: half of the bytes of a float32 are zero.

    The weights stay float32 for whoever loads them; their rounding, 0.05 % of each, is below the noise of a training.
    Raises DataError for what is no archive, MachineError where it cannot be written.
    """
    card, network = read_card(source), load_network(source)
    for variable in network.trainable_variables:
        variable.assign(np.asarray(variable).astype(np.float16).astype(np.float32))
    with whole_file(target) as temporary:
        plain = temporary.with_name(f"{temporary.stem}-plain.keras")
        try:
            save_network(network, card, plain)
            with (
                zipfile.ZipFile(plain) as written,
                zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
            ):
                for name in written.namelist():
                    packed.writestr(name, written.read(name))
        except MachineError as error:
            raise MachineError(str(error).replace(str(plain), str(target))) from None
        finally:
            plain.unlink(missing_ok=True)
