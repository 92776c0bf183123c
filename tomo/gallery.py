"""`tomo gallery`: a page of velocity models with a shot gather beneath each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.survey.reader import Survey
from tomo.presets import preset_named

if TYPE_CHECKING:
    from figures.gallery import Shots

FORMATS = (".pdf", ".png", ".svg")


def gallery(
    survey: Annotated[Path | None, typer.Argument(help="A survey's folder; without it, new random models.")] = None,
    output: Annotated[Path, typer.Option(help="The page: a .png, .pdf or .svg file.")] = Path("gallery.png"),
    models: Annotated[int, typer.Option(min=1, max=120, help="Models on the page.")] = 12,
    preset: Annotated[str, typer.Option(help="Without a survey: the grid of this preset.")] = "laptop",
    seed: Annotated[int, typer.Option(min=0, help="Without a survey: the seed of the random models.")] = 0,
    gathers: Annotated[bool, typer.Option(help="Draw the gather of the middle source beneath each.")] = True,
) -> None:
    """Draw velocity models and their gathers on one page."""
    from figures.gallery import gallery_page
    from tomo.pictures import save

    if output.suffix.lower() not in FORMATS:
        raise SettingError(f"{output} is no page that can be drawn: choose {', '.join(FORMATS)}")
    if output.exists():
        raise DataError(f"{output} already exists: choose another name for --output")
    if survey is None:
        acquisition = preset_named(preset).acquisition
        velocity, shots, titles = _random_models(acquisition, models, seed, gathers)
    else:
        opened = Survey.open(survey)
        acquisition = opened.acquisition
        velocity, shots, titles = _models_of(opened, models, gathers)
    page = gallery_page(
        velocity, acquisition.grid.spacing, shots=shots, titles=titles, limits=acquisition.velocity_limits
    )
    save(page, output)
    print(output)


def _models_of(survey: Survey, count: int, gathers: bool) -> tuple[np.ndarray, Shots | None, list[str]]:
    """Models spread evenly over the survey, the first and the last among them."""
    from figures.gallery import Shots
    from tomo.pictures import recorded

    indices = np.unique(np.linspace(0, len(survey) - 1, count).round().astype(int))
    acquisition = survey.acquisition
    titles = [f"{'train' if index in survey.train else 'test'} {index}" for index in indices]
    shots = None
    if gathers:
        shot = acquisition.sources // 2
        middle = np.stack([recorded(survey.gathers([index])[0, shot], acquisition.live[shot]) for index in indices])
        shots = Shots(middle, acquisition.receiver_x, acquisition.time)
    return survey.velocity(indices), shots, titles


def _random_models(
    acquisition: Acquisition, count: int, seed: int, gathers: bool
) -> tuple[np.ndarray, Shots | None, list[str]]:
    """The first models that a survey of this seed would have, shot from the middle."""
    from data_gen.geology import random_model
    from data_gen.simulator.acoustic import Simulator
    from figures.gallery import Shots

    velocity = np.stack([random_model(np.random.default_rng([seed, i]), acquisition).velocity for i in range(count)])
    shots = None
    if gathers:
        simulator = Simulator(replace(acquisition, sources=3))
        middle = np.stack([simulator.gather(model)[1] for model in velocity])
        shots = Shots(middle, acquisition.receiver_x, acquisition.time)
    return velocity, shots, [f"model {i}" for i in range(count)]
