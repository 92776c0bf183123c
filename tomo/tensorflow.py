"""Loading TensorFlow for the command line."""

from __future__ import annotations

import contextlib
import os

NO_FOLDER = os.path.join(os.devnull, "keras")
"""Where Keras finds no settings, and can write none."""


def load_tensorflow() -> None:
    """Import TensorFlow without the lines about processors and drivers that its libraries write to stderr.

    They come from C++ before any logging can be set up, so the file descriptor is turned away meanwhile.
    Keras is loaded as tomo needs it, whatever its variables and the user's `keras.json` say for other programs.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["KERAS_HOME"] = NO_FOLDER
    kept = os.dup(2)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, 2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, nowhere)
        os.dup2(nowhere, 2)
        import tensorflow as tf

        tf.config.list_physical_devices()
    tf.get_logger().setLevel("ERROR")  # that several networks are traced is no remark
