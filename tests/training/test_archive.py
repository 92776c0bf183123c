"""Archives of networks: somebody else's code and classes are not run, and told in one line."""

from __future__ import annotations

import keras
import pytest

from data_gen.errors import DataError
from training.archive import load_network


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
