"""The options by which a command is told its acquisition: a preset, a file, and single fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from data_gen.acquisition import Acquisition
from data_gen.acquisition_file import read_acquisition
from data_gen.errors import SettingError
from data_gen.grid import Grid
from tomo.presets import PRESETS, preset_named

PresetName = Annotated[str | None, typer.Option("--preset", help=f"One of {', '.join(PRESETS)}; demo if none is said.")]
AcquisitionFile = Annotated[
    Path | None,
    typer.Option("--acquisition", help="Instead of a preset: a TOML file, such as `tomo acquisition` writes."),
]
GridPoints = Annotated[str | None, typer.Option("--grid", help="Points of the velocity grid, as DEPTHxX, 100x120.")]
GridSpacing = Annotated[float | None, typer.Option("--grid-spacing", help="Distance between them, in m.")]
Sources = Annotated[int | None, typer.Option("--sources", help="Number of sources.")]
Receivers = Annotated[int | None, typer.Option("--receivers", help="Number of receivers.")]
Samples = Annotated[int | None, typer.Option("--samples", help="Samples of a trace.")]
SampleInterval = Annotated[float | None, typer.Option("--sample-interval", help="Time between samples, in s.")]
PeakFrequency = Annotated[float | None, typer.Option("--peak-frequency", help="Of the Ricker wavelet, in Hz.")]
SourceDepth = Annotated[float | None, typer.Option("--source-depth", help="Of all sources, in m.")]
ReceiverDepth = Annotated[float | None, typer.Option("--receiver-depth", help="Of all receivers, in m.")]
VelocityLimits = Annotated[
    tuple[float, float] | None, typer.Option("--velocity-limits", help="Lowest and highest velocity, in m/s.")
]
FreeSurface = Annotated[bool, typer.Option("--free-surface", help="Reflect at the top.")]


@dataclass(frozen=True)
class Changes:
    """Fields of an acquisition that are to be others than those of a preset or a file; None: as there."""

    grid: str | None = None
    grid_spacing: float | None = None
    sources: int | None = None
    receivers: int | None = None
    samples: int | None = None
    sample_interval: float | None = None
    peak_frequency: float | None = None
    source_depth: float | None = None
    receiver_depth: float | None = None
    velocity_limits: tuple[float, float] | None = None
    free_surface: bool | None = None


def chosen_acquisition(preset: str | None, file: Path | None, changes: Changes) -> Acquisition:
    """The acquisition that is asked for; raises TomoError where it cannot be."""
    if preset is not None and file is not None:
        raise SettingError("--preset and --acquisition exclude each other: both name an acquisition")
    acquisition = preset_named(preset or "demo").acquisition if file is None else read_acquisition(file)
    depth_cells, x_cells = acquisition.grid.shape if changes.grid is None else _points(changes.grid)
    spacing = acquisition.grid.spacing if changes.grid_spacing is None else changes.grid_spacing
    fields = {
        name: value
        for name, value in vars(changes).items()
        if value is not None and name not in ("grid", "grid_spacing")
    }
    return replace(acquisition, grid=Grid(depth_cells, x_cells, spacing), **fields)


def _points(text: str) -> tuple[int, int]:
    depth, _, x = text.lower().partition("x")
    if not (depth.strip().isdecimal() and x.strip().isdecimal()):
        raise SettingError(f"--grid is two numbers of points, as 100x120 for depth and x, not {text!r}")
    return int(depth), int(x)
