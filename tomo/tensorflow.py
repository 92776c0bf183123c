"""Loading TensorFlow for the command line."""

from __future__ import annotations

import contextlib
import os


def load_tensorflow() -> None:
    """Import TensorFlow without the lines about processors and drivers that its libraries write to stderr.

    They come from C++ before any logging can be set up, so the file descriptor is turned away meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = os.dup(2)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, 2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, nowhere)
        os.dup2(nowhere, 2)
        import tensorflow as tf

        tf.config.list_physical_devices()
