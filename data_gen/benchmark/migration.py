"""What panels cost: CPU time and disk of a model, by acquisition, in a process of one thread."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.benchmark.race import processes
from data_gen.geology import random_model
from data_gen.machine import describe_machine
from data_gen.migration.panels import PanelDefinition, PanelMaker
from data_gen.migration.reference import draw_profiles, simulate_profiles
from data_gen.simulator.acoustic import Simulator

MODELS = 40
"""Models that the references are drawn from."""

PROFILES = 48
ROUNDS = 5


def measure_migration(acquisitions: Mapping[str, Acquisition]) -> dict[str, Any]:
    """By name of each acquisition: CPU seconds of a model's panels and of its simulation, and bytes on disk."""
    results: dict[str, Any] = {"machine": describe_machine(("tomo", "numba", "numpy")), "profiles": PROFILES}
    for name, acquisition in acquisitions.items():
        with processes(1, 1) as pool:
            results[name] = pool.apply(_measure_one, (acquisition,))
    return results


def _measure_one(acquisition: Acquisition) -> dict[str, Any]:
    velocity = np.stack([random_model(np.random.default_rng([0, i]), acquisition).velocity for i in range(MODELS)])
    profiles = draw_profiles(velocity, acquisition.grid.spacing, PROFILES)
    definition = PanelDefinition(acquisition.grid, tuple(map(tuple, profiles.tolist())))
    maker = PanelMaker(definition, acquisition, simulate_profiles(profiles, acquisition))
    simulator = Simulator(acquisition)
    gathers = [simulator.gather(model) for model in velocity[:ROUNDS]]
    maker.panels(gathers[0])  # compiles
    seconds, simulation = [], []
    for model, each in zip(velocity, gathers, strict=False):
        begun = time.process_time()
        maker.panels(each)
        seconds.append(time.process_time() - begun)
        begun = time.process_time()
        simulator.gather(model)
        simulation.append(time.process_time() - begun)
    return {
        "cpu_seconds_per_model": float(np.median(seconds)),
        "simulation_cpu_seconds_per_model": float(np.median(simulation)),
        "bytes_per_model": 2 * int(np.prod(definition.shape)),
        "gather_bytes_per_model": 4 * int(np.prod(acquisition.gather_shape)),
        "panels": list(definition.shape),
    }
