"""`tomo export`: a survey in other programs' formats."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from data_gen.errors import DataError, SettingError
from tomo.console import progress

FORMATS = {"segy": "", "netcdf": ".nc", "zarr": ".zarr"}
"""Format -> how the name ends of what is written; SEG-Y are several files in a folder."""


def export(
    survey: Annotated[Path, typer.Argument(help="Folder of the survey.")],
    format: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")],
    output: Annotated[
        Path | None, typer.Option(help="File to write; of segy, the folder. Default: the survey's name, here.")
    ] = None,
    models: Annotated[int | None, typer.Option(min=1, help="So many, the first ones; default: all.")] = None,
) -> None:
    """Write a survey as SEG-Y (two files a model: shots, and velocity in depth), netCDF or zarr (CF attributes)."""
    import numpy as np

    from data_gen.formats import export as formats
    from data_gen.survey.reader import Survey

    if format not in FORMATS:
        raise SettingError(f"unknown format {format!r}: choose from {', '.join(FORMATS)}")
    opened = Survey.open(survey)
    target = output or Path(f"{opened.name}-segy" if format == "segy" else f"{opened.name}{FORMATS[format]}")
    if os.path.lexists(target):
        raise DataError(f"{target} already exists: choose another name for --output")
    if models is not None and models > len(opened):
        raise SettingError(f"{survey} has {len(opened)} models, not {models}")
    indices = np.arange(models or len(opened))
    opened.verify(only=indices)
    write = {"segy": formats.export_segy, "netcdf": formats.export_netcdf, "zarr": formats.export_zarr}[format]
    with progress("exporting", len(indices), "models") as advance:
        write(opened, indices, target, advance)
    print(f"{target}: {len(indices)} models")
