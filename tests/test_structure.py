"""What imports what: the arrows between the rooms run one way."""

from __future__ import annotations

import ast
import collections
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = ("tomo", "data_gen", "models", "training", "figures")
MAY_IMPORT = {
    "tomo": {"tomo", "data_gen", "models", "training", "figures"},
    "data_gen": {"data_gen"},
    "models": {"models"},
    "training": {"training", "data_gen", "models"},
    "figures": {"figures"},
}
READ_BY_TRAINING = {
    "data_gen.acquisition",
    "data_gen.errors",
    "data_gen.files",
    "data_gen.formats",
    "data_gen.grid",
    "data_gen.inversion",
    "data_gen.machine",
    "data_gen.migration",
    "data_gen.phase",
    "data_gen.reading",
    "data_gen.salt",
    "data_gen.simulator",
    "data_gen.survey",
}
"""What `training` knows of `data_gen`: the files it reads, panels, and, for the data misfit, the simulator's type."""
FOREIGN = {
    "data_gen": {"tensorflow", "keras", "matplotlib", "rich", "typer"},
    "training": {"devito", "matplotlib", "rich", "typer"},
    "models": {"devito", "h5py", "matplotlib"},
    "figures": {"devito", "h5py", "tensorflow", "keras", "json"},
    "training/sqgn": {"devito", "h5py", "scipy", "xarray", "matplotlib"},
}
"""What a folder never imports."""


def files(folder: str) -> list[Path]:
    room, *rest = folder.split("/")
    return sorted(Path(importlib.import_module(room).__path__[0], *rest).rglob("*.py"))


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Modules that a file imports anywhere in it, and how many dots a relative import has."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room):
    for file in files(room):
        for module, level in imports(file):
            top = module.split(".")[0]
            assert level or top not in ROOMS or top in MAY_IMPORT[room], f"{file} imports {module}"


def test_training_reads_surveys_and_nothing_else_of_data_gen():
    for file in files("training"):
        for module, _ in imports(file):
            if module.split(".")[0] == "data_gen":
                assert ".".join(module.split(".")[:2]) in READ_BY_TRAINING, f"{file} imports {module}"


@pytest.mark.parametrize("folder", FOREIGN)
def test_libraries_stay_in_their_rooms(folder):
    for file in files(folder):
        for module, _ in imports(file):
            assert module.split(".")[0] not in FOREIGN[folder], f"{file} imports {module}"


def test_the_optimizer_is_alone():
    """Relative imports within its folder, and libraries: nothing else of this project."""
    for file in files("training/sqgn"):
        for module, level in imports(file):
            assert level <= 1, f"{file} imports from above its folder"
            assert level or module.split(".")[0] not in ROOMS, f"{file} imports {module}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_is_read_in_one_sitting(room):
    for file in files(room):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file


@pytest.mark.parametrize("module", ["data_gen", "training", "models", "figures", "tomo.cli"])
def test_importing_a_room_is_quick_and_touches_nothing(module):
    """No simulator, no TensorFlow, no setting of anybody else's."""
    program = f"""
import sys, tempfile, {module}
print(tempfile.tempdir, sorted({{"devito", "tensorflow"}} & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "None []"


def test_the_simulator_leaves_devito_as_it_was():
    program = """
import devito
before = dict(devito.configuration)
from data_gen import Acquisition, Grid
from data_gen.simulator.acoustic import Simulator
Simulator(Acquisition(Grid(20, 20, 15.0), sources=1, receivers=2, samples=3, sample_interval=0.008))
assert dict(devito.configuration) == before
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_no_test_module_can_be_taken_for_another():
    """Folders of tests are no packages: pytest imports each module by its bare name, and so do modules each other."""
    modules = [file for file in Path(__file__).parent.rglob("*.py") if file.name != "conftest.py"]
    names = collections.Counter(file.name for file in modules)
    assert not [name for name, count in names.items() if count > 1]
    for file in modules:
        assert "conftest" not in {module for module, _ in imports(file)}, f"{file} imports one of several conftests"
