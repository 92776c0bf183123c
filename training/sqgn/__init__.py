"""SQGN, a stochastic quasi-Gauss-Newton optimizer for Keras models (Thiele, Araya-Polo and Hohl 2021).

    from training.sqgn import SQGN, SecondOrderModel

The folder is complete and alone: copied into a project under any name, it works there. It knows Keras and TensorFlow,
and nothing else of this project.
"""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"SQGN needs Keras on TensorFlow, not on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow before keras."
    )

from .losses import PseudoHuber
from .model import SecondOrderModel
from .optimizer import SQGN
from .partition import Partition

__all__ = ["SQGN", "Partition", "PseudoHuber", "SecondOrderModel"]
