"""`tomo predict`: the network of a run on somebody's own gathers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_gen.errors import DataError
from tomo.console import print_table, progress, table
from tomo.gathers import gathers_for
from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from training.ensemble import Ensemble
    from training.evaluation.misfit import Explained
    from training.gather_file import GatherFile
    from training.predictor import Predictor

DRAWN = 4
"""Models in the picture."""


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run or ensemble, a .keras file, or `pretrained`.")],
    gathers: Annotated[
        Path,
        typer.Argument(
            help="SEG-Y file; or HDF5, netCDF or zarr with pressure `gathers` (model, source, receiver, time), or one "
            "survey (source, receiver, time); or such an array as .npy. Real numbers of any type."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="File to write, `velocity` (model, depth, x) in m/s, and an ensemble's `deviation`: .h5, .nc or .sgy."
        ),
    ] = Path("prediction.h5"),
    physics: Annotated[
        int,
        typer.Option(
            min=0,
            help="Simulate the surveys of this many predictions and report how far they are from the given gathers: "
            "RMS of the difference over RMS of the gathers, after the amplitude factor that fits best.",
        ),
    ] = 0,
    rescale: Annotated[
        bool,
        typer.Option(
            "--rescale",
            help="For networks that read gathers: these are of another unit, bring their RMS to the training's.",
        ),
    ] = False,
    origin: Annotated[
        float,
        typer.Option(help="For networks that read panels: where the network's grid begins in the file's x, in m."),
    ] = 0.0,
) -> None:
    """Predict velocity models from gathers.

    Networks that read panels take those of any line over their grid, in any unit; others those of the geometry that
    they were trained for.
    """
    load_tensorflow()
    import numpy as np

    from data_gen.formats.export import check_format, write_prediction
    from data_gen.salt import is_salt
    from figures.velocity import velocity_panels
    from tomo.pictures import draw_explained, save_with_pdf
    from training.loading import load
    from training.prediction import predict_gathers

    check_format(output)
    picture, gather_picture = output.with_suffix(".png"), output.with_suffix(".gathers.png")
    pictures = [picture, gather_picture] if physics else [picture]
    for path in (output, *pictures, *(each.with_suffix(".pdf") for each in pictures)):
        if path.exists():
            raise DataError(f"{path} already exists: choose another name for --output")
    predictor = load(run)
    name = run.resolve().stem
    with gathers_for(predictor, gathers, origin, rescale) as given:
        velocity, deviation = predict_gathers(predictor, given)
        found = {} if deviation is None else {"deviation": deviation}
        drawn = {} if given.velocity is None else {"reference": np.asarray(given.velocity[:DRAWN])}
        if physics:
            misfits, explained = _physics(velocity[:physics], given, predictor)
            found |= misfits
            draw_explained(explained, given.acquisition, name, gather_picture)
    title = f"velocity models that {name} predicts from {gathers.name}"
    write_prediction(output, velocity, predictor.acquisition, found, title)
    drawn["prediction"] = velocity[:DRAWN]
    shown = velocity_panels(
        drawn,
        predictor.acquisition.grid.spacing,
        samples=[f"model {i}" for i in range(len(velocity[:DRAWN]))],
        limits=predictor.acquisition.velocity_limits,
        salt={title: is_salt(images) for title, images in drawn.items()},
    )
    save_with_pdf(shown, picture)
    print(f"{len(velocity)} velocity models: {output}, the first of them drawn in {picture}")


def _physics(
    velocity: np.ndarray, gathers: GatherFile, predictor: Predictor | Ensemble
) -> tuple[dict[str, np.ndarray], Explained]:
    """Misfit and amplitude (model,) of all models, NaN where not simulated; prints a table of those that were."""
    import numpy as np

    from data_gen.simulator.acoustic import Simulator
    from training.evaluation.misfit import explain

    simulator = Simulator(gathers.acquisition)

    def given() -> Iterator[np.ndarray]:
        """As the network read them: turned back where the wavelet was another one."""
        return (predictor.straight(gathers[i : i + 1], gathers.acquisition)[0] for i in range(len(velocity)))

    mean = np.broadcast_to(predictor.card.mean_velocity, velocity.shape)
    with progress("simulating", 2 * len(velocity), "models") as advance:
        explained, of_mean = (
            explain(models, given(), simulator, fit_amplitude=True, progress=lambda: advance(1))
            for models in (velocity, mean)
        )
    columns = {
        "data misfit": explained.misfit,
        "amplitude": explained.amplitude,
        "data misfit of the mean model": of_mean.misfit,
    }
    shown = table("model", *columns)
    for model, row in enumerate(zip(*columns.values(), strict=True)):
        shown.add_row(str(model), *(f"{value:.3f}" for value in row))
    print_table(shown)
    missing = np.full(len(gathers) - len(velocity), np.nan)
    found = {
        "data_misfit": np.concatenate([explained.misfit, missing]),
        "amplitude": np.concatenate([explained.amplitude, missing]),
    }
    return found, explained
