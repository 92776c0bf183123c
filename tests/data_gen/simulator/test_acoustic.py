"""The simulator against exact solutions and invariants of the wave equation, at the presets' own grid and step."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from data_gen.benchmark.accuracy import MARGIN, difference, embed, exact_trace
from data_gen.errors import DataError, MachineError
from data_gen.geology import random_model
from data_gen.simulator.acoustic import Simulator
from tomo.presets import PRESETS


@pytest.fixture(scope="module")
def paper():
    return replace(PRESETS["paper"].acquisition, sources=3)


@pytest.fixture(scope="module")
def simulator(paper):
    return Simulator(paper)


@pytest.fixture(scope="module")
def salt_model(paper):
    models = (random_model(np.random.default_rng([5, i]), paper) for i in range(100))
    return next(model.velocity for model in models if model.salt_mask.mean() > 0.1)


@pytest.mark.parametrize("velocity", [1500.0, 2000.0, 3000.0, 4500.0])
def test_homogeneous_medium_at_700_metres(simulator, paper, velocity):
    """The issue's bound is 0.7 %; the receiver nearest to 700 m from the first source."""
    gathers = simulator.gather(np.full(paper.grid.shape, velocity, np.float32))
    offsets = np.abs(paper.receiver_x - paper.source_x[0])
    receiver = int(np.argmin(np.abs(offsets - 700.0)))
    assert difference(gathers[0, receiver], exact_trace(paper, offsets[receiver], velocity)) < 0.007


def test_exchanging_source_and_receiver_changes_nothing(salt_model):
    """Reciprocity in a salt model: sources and receivers at the same places and depth; c²-weighted amplitudes."""
    acquisition = replace(PRESETS["paper"].acquisition, sources=7, receivers=7)
    gathers = Simulator(acquisition).gather(salt_model)
    for i in range(7):
        for j in range(i):
            assert difference(gathers[i, j], gathers[j, i]) < 1e-3


@pytest.fixture(scope="module")
def large_simulator(paper):
    return Simulator(embed(paper))


@pytest.mark.parametrize("turns", range(4))
def test_no_side_returns_anything(simulator, large_simulator, salt_model, turns):
    """Against a domain so wide and deep that nothing comes back: at most 1 % of the signal (relative L2).

    The model is turned, so that the shots are fired and recorded beside each of its four sides.
    """
    velocity = np.rot90(salt_model, turns).copy()
    ours = simulator.gather(velocity)
    theirs = large_simulator.gather(np.pad(velocity, MARGIN, mode="edge"))
    for shot in range(3):
        assert difference(ours[shot], theirs[shot]) < 0.01


def test_order_of_convergence_in_time_is_four(paper):
    """Halving the step divides the error by 16, within 20 % of the order, before any wave reaches the layers.

    The reference has the same grid and a quarter of the finer step; the layers themselves are of second order.
    """
    acquisition = replace(
        paper, sources=1, source_positions=(405.0,), receivers=9, samples=56, source_depth=735.0, receiver_depth=735.0
    )  # 337 m from the receiver
    velocity = np.full(acquisition.grid.shape, 2500.0, np.float32)
    limit = Simulator(acquisition).clock.limit * acquisition.velocity_limits[1]

    def gather(steps_per_sample):
        greatest = 0.949 * limit / (acquisition.sample_interval / steps_per_sample)
        simulator = Simulator(replace(acquisition, velocity_limits=(1000.0, greatest)))
        assert simulator.clock.steps_per_sample == steps_per_sample
        return simulator.gather(velocity)[:, 4]

    runs = {steps: gather(steps) for steps in (2, 4, 16)}
    errors = [np.linalg.norm(runs[steps] - runs[16]) for steps in (2, 4)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "not finite"), (0.0, "positive"), (-1.0, "positive"), (4900.0, "unstable"), (500.0, "too coarse")],
)
def test_bad_velocities_are_refused(simulator, paper, value, message):
    velocity = np.full(paper.grid.shape, 2000.0, np.float32)
    velocity[3, 4] = value
    with pytest.raises(DataError, match=message):
        simulator.gather(velocity)


def test_no_compiler_is_one_line(paper, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="gcc"):
        Simulator(paper)


def test_a_compiler_that_fails_is_one_line_with_its_own_word(paper, monkeypatch, tmp_path, capfd):
    gcc = tmp_path / "gcc"
    gcc.write_text(
        f"""#!/bin/sh
case "$*" in *-shared*) echo "x.c:1: fatal error: error writing: No room" >&2; exit 1;; esac
exec {shutil.which("gcc")} "$@"
"""
    )
    gcc.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(MachineError, match=r"compiled in the temporary folder: error writing: No room$"):
        Simulator(paper)
    said = capfd.readouterr()
    assert said.err + said.out == ""
