"""`tomo generate`: make a survey, or finish one that was interrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from data_gen.errors import SettingError
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification, VelocityFile
from tomo.console import progress, remark
from tomo.presets import PRESETS, Preset, preset_named


def generate(
    output: Annotated[Path, typer.Option(help="Folder of the survey; an interrupted one is continued.")],
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = "demo",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")] = None,
    models: Annotated[int | None, typer.Option(help="Number of models; default: the preset's.")] = None,
    train_models: Annotated[
        int | None,
        typer.Option(help="How many of them are for training; default: the preset's share, none of your own models."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the geology.")] = 0,
    free_surface: Annotated[bool, typer.Option("--free-surface", help="Reflect at the top.")] = False,
    dtype: Annotated[str, typer.Option(help="Type of the gathers on disk: float32 or float16.")] = "float32",
    velocity_models: Annotated[
        list[Path] | None,
        typer.Option(
            help="Cut the models from this .npy, .mat or .h5 file, or from the public models (Marmousi2, "
            "SEG/EAGE) in this folder; may be given again."
        ),
    ] = None,
    spacing: Annotated[float | None, typer.Option(help="Grid spacing of --velocity-models in metres.")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, tcp://host:port, or its file, whose workers are to do it."),
    ] = None,
) -> None:
    """Generate a survey: velocity models, and the shot gathers that the wave equation gives for them."""
    from data_gen.production.generate import generate_survey

    specification = _specification(
        preset_named(preset), models, train_models, seed, free_surface, dtype, velocity_models or [], spacing
    )
    total = specification.models * specification.acquisition.sources
    with progress("generating", total, "shots") as advance:
        generate_survey(specification, output, workers, advance, scheduler)
    remark(f"{output}: {specification.models} models, {total} shots")
    if dtype == "float16":
        error = Survey.open(output).quantization_error()
        remark(f"float16 changes the gathers by {100 * error:.3f} % (relative L2, worst model)")


def _specification(
    preset: Preset,
    models: int | None,
    train_models: int | None,
    seed: int,
    free_surface: bool,
    dtype: str,
    velocity_models: list[Path],
    spacing: float | None,
) -> SurveySpecification:
    models = preset.models if models is None else models
    if train_models is None:
        train_models = 0 if velocity_models else round(models * preset.train_models / preset.models)
    if spacing is not None and not velocity_models:
        raise SettingError("--spacing belongs to --velocity-models; the survey's own spacing is the preset's")
    files: tuple[VelocityFile, ...] = ()
    if velocity_models:
        from data_gen.velocity.files import register_all

        files = register_all(velocity_models, spacing)
    acquisition = replace(preset.acquisition, free_surface=free_surface)
    return SurveySpecification(acquisition, models, train_models, seed, dtype, files)
