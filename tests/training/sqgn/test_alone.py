"""The folder is a library of its own: copied under another name, it trains where nothing of ours can be imported."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import training.sqgn

FOLDER = Path(training.sqgn.__file__).parent
OURS = {"tomo", "data_gen", "models", "training", "figures", "devito"}
TRAIN = """
import sys
sys.path.insert(0, ".")  # the only thing of ours that -I leaves to be found
import importlib.util
for name in ("training", "tomo", "data_gen"):
    sys.modules[name] = None  # an import of it is an error, even where the project is installed
import keras, numpy as np
from elsewhere import SQGN, Partition, PseudoHuber, SecondOrderModel
x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
inputs = keras.Input((3,))
model = SecondOrderModel(inputs, keras.layers.Dense(1)(inputs))
model.compile(optimizer=SQGN(), loss=PseudoHuber())
history = model.fit(Partition.of_arrays(x, x[:, :1], 4), epochs=20, verbose=0).history
assert history["loss"][-1] < 0.1 * history["loss"][0]
model.save("model.keras")
assert isinstance(keras.saving.load_model("model.keras").optimizer, SQGN)
"""


def test_a_copy_of_the_folder_trains_on_its_own(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-I", "-c", TRAIN], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_it_imports_nothing_of_ours():
    """Its own modules by a dot, and otherwise neither ours nor anything of seismics."""
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, file
                names = [] if node.level else [str(node.module)]
            assert not OURS & {name.split(".")[0] for name in names}, file


def test_another_backend_is_one_line(tmp_path):
    """Keras is replaced by a module that says it runs on another backend: PyTorch and JAX are not installed here."""
    shutil.copytree(FOLDER, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("__pycache__"))
    script = """
import sys, types
sys.path.insert(0, ".")
sys.modules["keras"] = types.SimpleNamespace(backend=types.SimpleNamespace(backend=lambda: "jax"))
import elsewhere
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1].startswith("ImportError: SQGN needs Keras on TensorFlow, not on jax")
