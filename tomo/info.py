"""`tomo info`: what a survey was made with, and whether its files are what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from data_gen.acquisition import Acquisition
from data_gen.survey.reader import Survey
from data_gen.survey.specification import (
    SurveySpecification,
    VelocityFile,
    read_record,
    read_specification,
    shard_path,
    shards_there,
)
from tomo.console import print_table, progress, table


def info(
    survey: Annotated[Path, typer.Argument(help="Folder of the survey.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte and compare checksums.")] = False,
) -> None:
    """Show how a survey was made: models, acquisition, scheme, points per wavelength, stability, versions."""
    from data_gen.survey.checked import is_whole
    from data_gen.survey.checked import verify as verify_file

    specification, record = read_specification(survey), read_record(survey)
    whole = [shard for shard in sorted(shards_there(survey, specification)) if is_whole(shard_path(survey, shard))]
    shown = table(*2 * ("",), title=str(survey), lines=False)
    shown.show_header = False
    for name, value in _rows(specification, record):
        shown.add_row(name, value)
    shown.add_row("versions", ", ".join(f"{name} {version}" for name, version in record["versions"].items()))
    shown.add_row("shards", f"{len(whole)} of {specification.shards}{_size(survey, whole)}")
    if specification.dtype == "float16" and len(whole) == specification.shards:
        error = Survey.open(survey).quantization_error()
        shown.add_row("float16", f"changes the gathers by {100 * error:.3f} % (relative L2, worst model)")
    print_table(shown)
    if verify:
        with progress("verifying", specification.models, "models") as advance:
            Survey.open(survey).verify(advance)
        panels = sorted(survey.glob("panels/*/*.h5"))
        with progress("verifying panels", len(panels), "files") as advance:
            for path in panels:
                verify_file(path)
                advance(1)
        print(f"every byte of {specification.shards} shards is as it was written")


def _rows(specification: SurveySpecification, record: dict) -> list[tuple[str, str]]:
    simulation = record["simulation"]
    before = [str(entry["models"]) for entry in record.get("grown_from", [])]
    grown = f"; grown from {', '.join(before)}" if before else ""
    acquisition = specification.acquisition
    lowest, highest = acquisition.velocity_limits
    limit = simulation["stability_limit"]

    def points(velocity: float) -> float:
        return velocity / acquisition.peak_frequency / acquisition.grid.spacing

    boundary = dict(simulation["boundary"])
    kind = boundary.pop("kind")
    files = ", ".join(
        f"{Path(file.path).name} at {_spacing(file)} m, SHA-256 {file.sha256}" for file in specification.velocity_files
    )
    return [
        ("models", f"{specification.models}, {specification.train_models} of them for training{grown}"),
        ("geology", files or f"random, {specification.geology}, seed {specification.seed}"),
        ("grid", f"{acquisition.grid.depth_cells} x {acquisition.grid.x_cells} at {acquisition.grid.spacing:g} m"),
        ("velocities", f"{lowest:g} to {highest:g} m/s"),
        ("gathers", f"{acquisition.sources} sources x {acquisition.receivers} receivers x "
         f"{acquisition.samples} samples of {acquisition.sample_interval * 1e3:g} ms, {specification.dtype}"),
        ("line", f"{acquisition}".rsplit(", ", 1)[0] + _live(acquisition)),
        ("depths", f"sources {_span(acquisition.source_z)} m, receivers {_span(acquisition.receiver_z)} m"),
        ("equation", simulation["equation"]),
        ("scheme", f"order {simulation['time_order']} in time, {simulation['space_order']} in space, "
         f"{simulation['precision']}"),
        ("step", f"{simulation['step'] * 1e3:.4f} ms, {simulation['steps_per_sample']} to a sample"),
        ("stability margin", f"{100 * (1 - simulation['step'] / limit):.1f} % below the largest stable step, "
         f"{limit * 1e3:.4f} ms"),
        ("points per wavelength", f"{points(lowest):.1f} at {lowest:g} m/s, {points(1500):.1f} in water "
         f"(1500 m/s), at {acquisition.peak_frequency:g} Hz"),
        ("top", simulation["top"]),
        ("boundary", f"{kind}, " + ", ".join(f"{name} {value:g}" for name, value in boundary.items())),
        ("wavelet", _phrase(simulation["wavelet"])),
        ("interpolation", _phrase(simulation["interpolation"])),
    ]  # fmt: skip


def _spacing(file: VelocityFile) -> str:
    down, across = file.steps
    return f"{down:g}" if down == across else f"{down:g} x {across:g}"


def _live(acquisition: Acquisition) -> str:
    live = acquisition.live
    return "" if live.all() else f", {live.sum()} of {live.size} traces live"


def _span(depths: np.ndarray) -> str:
    lowest, highest = depths.min(), depths.max()
    return f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"


def _phrase(values: dict) -> str:
    rest = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in values.items() if name != "kind")
    return f"{values['kind']}, {rest}"


def _size(survey: Path, shards: list[int]) -> str:
    return f", {sum(shard_path(survey, shard).stat().st_size for shard in shards) / 1e9:.3f} GB" if shards else ""
