"""Archives of networks: somebody else's code and classes are not run, and told in one line."""

from __future__ import annotations

import zipfile

import keras
import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.grid import Grid
from data_gen.migration.panels import PanelDefinition
from training.archive import Card, load_network, read_card, save_network
from training.decision import Decision
from training.settings import Settings


class Foreign(keras.layers.Layer):
    """A class that no other program knows."""

    def call(self, inputs):
        return inputs


@pytest.mark.parametrize("layer", [Foreign(), keras.layers.Lambda(lambda x: 2 * x)])
def test_code_and_classes_of_others_are_not_loaded(tmp_path, layer):
    inputs = keras.Input((3,))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "network.keras")
    with pytest.raises(DataError, match=r"network\.keras holds code or classes that are not Keras's own") as told:
        load_network(tmp_path / "network.keras")
    assert "\n" not in str(told.value)


LINE = Acquisition(Grid(24, 24, 15.0), sources=2, receivers=8, samples=40, sample_interval=0.008)


def archive(path) -> Card:
    """An archive of a network that does nothing, and what belongs to it."""
    inputs = keras.Input((3,))
    panels = PanelDefinition(LINE.grid, (tuple(np.linspace(2000.0, 2230.0, 24).tolist()),))
    card = Card(
        Settings("adamw", "unet", epochs=1, batch_size=4),
        LINE,
        np.full(LINE.grid.shape, 2500.0, np.float32),
        panels,
        Decision(0.65, 0.005),
    )
    save_network(keras.Model(inputs, inputs), card, path)
    return card


def with_salt(path, record: str) -> None:
    """Write the archive anew, with another record of its decision."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in {**members, "tomo/salt.json": record.encode()}.items():
            new.writestr(name, content)


def test_an_archive_keeps_its_decision(tmp_path):
    card = archive(tmp_path / "network.keras")
    read = read_card(tmp_path / "network.keras")
    assert (read.decision, read.panels, read.settings) == (card.decision, card.panels, card.settings)


def test_an_archive_of_before_shares_decides_as_it_did(tmp_path):
    archive(tmp_path / "network.keras")
    with_salt(tmp_path / "network.keras", "3800.0")
    assert read_card(tmp_path / "network.keras").decision == Decision(salt_from=3800.0)


@pytest.mark.parametrize("record", ["", "5000.0", "[]", '{"share": 3}', '{"share": 0.5, "more": 1}'])
def test_a_damaged_decision_is_told(tmp_path, record):
    archive(tmp_path / "network.keras")
    with_salt(tmp_path / "network.keras", record)
    with pytest.raises(DataError, match=r"network\.keras cannot be read as a network of tomo"):
        read_card(tmp_path / "network.keras")
