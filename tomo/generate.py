"""`tomo generate`: make a survey, or finish one that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_gen.acquisition import Acquisition
from data_gen.errors import SettingError
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification, VelocityFile, grows_into, read_specification
from tomo.console import progress, remark
from tomo.geometry import (
    AcquisitionFile,
    Changes,
    FreeSurface,
    GridPoints,
    GridSpacing,
    PeakFrequency,
    PresetName,
    ReceiverDepth,
    Receivers,
    SampleInterval,
    Samples,
    SourceDepth,
    Sources,
    VelocityLimits,
    chosen_acquisition,
)
from tomo.presets import preset_for


def generate(
    output: Annotated[Path, typer.Option(help="Folder of the survey; an interrupted one is continued.")],
    preset: PresetName = None,
    acquisition: AcquisitionFile = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")] = None,
    models: Annotated[int | None, typer.Option(help="Number of models; default: the preset's.")] = None,
    train_models: Annotated[
        int | None,
        typer.Option(help="How many of them are for training; default: the preset's share, none of your own models."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the geology.")] = 0,
    grid: GridPoints = None,
    grid_spacing: GridSpacing = None,
    sources: Sources = None,
    receivers: Receivers = None,
    samples: Samples = None,
    sample_interval: SampleInterval = None,
    peak_frequency: PeakFrequency = None,
    source_depth: SourceDepth = None,
    receiver_depth: ReceiverDepth = None,
    velocity_limits: VelocityLimits = None,
    free_surface: FreeSurface = False,
    dtype: Annotated[str, typer.Option(help="Type of the gathers on disk: float32 or float16.")] = "float32",
    geology: Annotated[
        str, typer.Option(help="Family of random models: varied, or domes (a few gentle beds and one dome of salt).")
    ] = "varied",
    velocity_models: Annotated[
        list[Path] | None,
        typer.Option(
            help="Cut the models from this file (.npy, .mat, .nc, .h5, .sgy), or from the public models (Marmousi2, "
            "SEG/EAGE) in this folder; may be given again."
        ),
    ] = None,
    spacing: Annotated[
        str | None, typer.Option(help="Grid spacing of --velocity-models in metres, or two: along depth,x.")
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(help="Axes of --velocity-models that do not name theirs: depth,x (the default) or x,depth."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, tcp://host:port, or its file, whose workers are to do it."),
    ] = None,
) -> None:
    """Generate a survey: velocity models, and the shot gathers that the wave equation gives for them."""
    from data_gen.production.generate import generate_survey

    changes = Changes(
        grid, grid_spacing, sources, receivers, samples, sample_interval, peak_frequency, source_depth, receiver_depth,
        velocity_limits, free_surface or None,
    )  # fmt: skip
    line = chosen_acquisition(preset, acquisition, changes)
    begun = read_specification(output) if (output / "survey.json").exists() else None
    if begun is not None and train_models is None and models is not None and not velocity_models:
        train_models = round(models * begun.train_models / begun.models)
    specification = _specification(
        line, models, train_models, seed, dtype, velocity_models or [], spacing, axes, geology
    )
    if begun is not None and grows_into(begun, specification):
        remark(f"{output}: {specification.models - begun.models} models are added to the {begun.models} that are there")
    for doubt in line.doubts():
        remark(f"warning: {doubt}")
    total = specification.models * specification.acquisition.sources
    with progress("generating", total, "shots") as advance:
        generate_survey(specification, output, workers, advance, scheduler)
    remark(f"{output}: {specification.models} models, {total} shots")
    if dtype == "float16":
        error = Survey.open(output).quantization_error()
        remark(f"float16 changes the gathers by {100 * error:.3f} % (relative L2, worst model)")


def _specification(
    acquisition: Acquisition,
    models: int | None,
    train_models: int | None,
    seed: int,
    dtype: str,
    velocity_models: list[Path],
    spacing: str | None,
    axes: str | None,
    geology: str,
) -> SurveySpecification:
    preset = preset_for(acquisition)
    models = preset.models if models is None else models
    if train_models is None:
        train_models = 0 if velocity_models else round(models * preset.train_models / preset.models)
    if axes is not None and not velocity_models:
        raise SettingError("--axes belongs to --velocity-models")
    if spacing is not None and not velocity_models:
        raise SettingError("--spacing belongs to --velocity-models; the survey's own is --grid-spacing")
    files: tuple[VelocityFile, ...] = ()
    if velocity_models:
        from data_gen.velocity.files import register_all

        files = register_all(velocity_models, _spacing(spacing), axes, remark)
    else:
        from data_gen.geology import check_stations

        check_stations(acquisition)
    return SurveySpecification(acquisition, models, train_models, seed, dtype, files, geology)


def _spacing(text: str | None) -> float | tuple[float, float] | None:
    """One distance [m], or two."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise SettingError(f"--spacing is a distance in metres, or two for depth,x, not {text!r}")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
