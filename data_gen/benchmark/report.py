"""The benchmark as a whole: one JSON file, each part of it kept until it is measured anew, and its tables."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.benchmark.race import race
from data_gen.benchmark.worker import whole_survey, worker_share
from data_gen.errors import MachineError
from data_gen.files import write_json
from data_gen.machine import available_cores, describe_machine
from data_gen.reading import earlier_results
from data_gen.survey.specification import SurveySpecification

PACKAGES = ("tomo", "devito", "deepwave", "torch", "numpy")

Rows = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def measure(specification: SurveySpecification, output: Path, rounds: int, survey: Path | None) -> dict[str, Any]:
    """Worker, race and, where a folder is given, the whole survey; returns and writes the results to `output`.

    Every part is written when it is measured; one that is not measured again stays in the file.
    Raises MachineError where a contender is not installed, there is no compiler, or a file cannot be written.
    """
    cores = available_cores()
    results = earlier_results(output, "machine", "worker", "race", "survey")
    parts: dict[str, Callable[[], Any]] = {
        "machine": _machine,
        "worker": lambda: worker_share(specification),
        "race": lambda: race(specification.acquisition, rounds, cores),
    }
    if survey is not None:
        parts["survey"] = lambda: whole_survey(specification, survey, cores)
    for name, part in parts.items():
        results[name] = part()
        write_json(output, results, indent=2)
    return results


def _machine() -> dict[str, Any]:
    try:
        machine = describe_machine(PACKAGES)
    except importlib.metadata.PackageNotFoundError as error:
        raise MachineError(
            f"the benchmark needs {error.name}: pip install -e '.[benchmark]' in tomo's folder"
        ) from None
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=False).stdout
    return {**machine, "compiler": compiler.partition("\n")[0]}


def rows(results: dict[str, Any]) -> Iterator[Rows]:
    """The results as tables: title, header, lines of text."""
    yield _race(results["race"])
    yield _schemes(results["race"])
    yield _worker(results["worker"])
    if "survey" in results:
        yield _survey(results["survey"])


def _worker(worker: dict[str, float]) -> Rows:
    lines: list[tuple[str, ...]] = [
        ("time in the stencil loops", f"{100 * worker['loop_share']:.0f} %", ""),
        ("grid points updated in them", f"{worker['updates_per_second'] / 1e6:.0f} M/s", ""),
    ]
    for title, name, unit in (("arithmetic", "gflops", "Gflop/s"), ("cache", "gigabytes_per_second", "GB/s")):
        lines.append((title, f"{worker[name]:.0f} {unit}", f"{worker[f'ceiling_{name}']:.0f} {unit}"))
    return "one worker", ("", "measured", "the core at most"), lines


def _survey(survey: dict[str, Any]) -> Rows:
    title = f"{survey['models']} models, {survey['shots']} shots, {survey['workers']} workers, {survey['dtype']}"
    lines: list[tuple[str, ...]] = [
        ("time", f"{survey['seconds'] / 60:.1f} min"),
        ("CPU time of the workers", f"{survey['cpu_seconds'] / 60:.1f} min"),
        ("share of the cores they had", f"{100 * survey['share_of_the_cores']:.0f} %"),
        ("peak memory of a worker", f"{survey['peak_bytes_per_worker'] / 1e9:.2f} GB"),
        ("disk", f"{survey['bytes_on_disk'] / 1e9:.2f} GB"),
    ]
    return title, ("", "measured"), lines


def _race(contenders: dict[str, Any]) -> Rows:
    wall, cpu = (
        {name: float(np.median(row[key])) for name, row in contenders.items()}
        for key in ("seconds_per_model", "cpu_seconds_per_model")
    )
    lines: list[tuple[str, ...]] = [
        (
            name,
            f"{wall[name]:.2f}",
            f"{wall[name] / wall['tomo']:.1f}",
            f"{cpu[name]:.2f}",
            f"{cpu[name] / cpu['tomo']:.1f}",
            f"{row['updates_per_second'] / 1e6:.0f}",
        )
        for name, row in contenders.items()
    ]
    return "the same models in turn", ("", "s/model", "ratio", "CPU s/model", "ratio", "M points/s"), lines


def _schemes(contenders: dict[str, Any]) -> Rows:
    lines: list[tuple[str, ...]] = []
    for name, row in contenders.items():
        errors = (f"{100 * error:.2f} %" for error in (row["boundary_error"], *row["scheme_error"].values()))
        lines.append((name, str(row["points"]), str(row["steps"]), *errors))
    header = ("", "points", "steps", "boundary error", "error at 700 m, 1500 m/s", "3000 m/s")
    return "what they compute", header, lines
