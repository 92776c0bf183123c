"""`tomo refine`: a run's predictions, refined by the wave equation."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_gen.errors import DataError, SettingError
from tomo.console import print_table, progress, remark, table
from tomo.gathers import gathers_for
from tomo.tensorflow import load_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from data_gen.acquisition import Acquisition
    from data_gen.inversion.invert import Inversion
    from tomo.report.of_refinement import Refinement, ShownGathers
    from training.ensemble import Ensemble
    from training.predictor import Predictor

DRAWN = 4
"""Models in the picture."""


def refine(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run or ensemble, a .keras file, or `pretrained`.")],
    gathers: Annotated[
        Path | None,
        typer.Argument(help="File of gathers, as for `tomo predict`; default: the test models of the run's survey."),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="File to write, `velocity` and `prediction` (model, depth, x) in m/s: .h5 or .nc.")
    ] = Path("refined.h5"),
    models: Annotated[int, typer.Option(min=1, help="Models to refine, the first ones.")] = 4,
    source: Annotated[
        str,
        typer.Option(
            help="What of the sources is to be estimated: nothing (known), their strength in each shot (amplitude), "
            "their wavelet too (wavelet)."
        ),
    ] = "amplitude",
    survey: Annotated[
        Path | None, typer.Option(help="Without gathers: the survey whose test models are refined; default: the run's.")
    ] = None,
    origin: Annotated[float, typer.Option(help="Where the network's grid begins in the file's x, in m.")] = 0.0,
    report: Annotated[
        bool,
        typer.Option("--report", help="Also write a page for a browser, beside the output, of its name with .html."),
    ] = False,
) -> None:
    """Predict velocity models from gathers, and refine them by full-waveform inversion of the same gathers.

    Low frequencies first, then all, until the misfit is that of the noise. Of prediction and inversion that whose
    simulated gathers are nearer to the given ones is kept. Misfits are RMS of the difference to the given gathers over
    RMS of these.
    """
    load_tensorflow()
    import numpy as np

    from data_gen.formats.export import check_format, write_prediction
    from data_gen.inversion.invert import SCHEDULE
    from data_gen.inversion.misfit import SOURCES
    from data_gen.machine import describe_machine
    from data_gen.salt import is_salt
    from figures.velocity import velocity_panels
    from tomo.pictures import save_with_pdf
    from tomo.report.of_refinement import NOISE, PREDICTION, REFINED, Origin, Refinement, refinement_report, rms_misfits
    from tomo.report.page import write_page
    from training.loading import load
    from training.refinement import most_simulations
    from training.refinement import refine as refined
    from training.settings import choose

    check_format(output)
    choose("kind of source", source, SOURCES)
    picture = output.with_suffix(".png")
    page = output.with_suffix(".html")
    for path in (output, picture, picture.with_suffix(".pdf"), *((page,) if report else ())):
        if path.exists():
            raise DataError(f"{path} already exists: choose another name for --output")
    predictor = load(run)
    with ExitStack() as stack:
        whose, names, given, acquisition, reference = _given(stack, run, gathers, survey, predictor, models, origin)
        prediction, deviation = predictor.with_deviation(given, acquisition)
        if predictor.turned:
            given = predictor.straight(given, acquisition)
            if source != "wavelet":
                remark("the phase is right to some degrees: with --source wavelet the inversion finds the rest")
        found: list[Inversion] = []
        with progress("refining", len(given) * most_simulations(SCHEDULE), "gradients") as advance:
            for each in refined(
                prediction, given, acquisition, SCHEDULE, source, progress=lambda model, misfit: advance(1)
            ):
                found.append(each)
                advance(most_simulations(SCHEDULE) - sum(map(len, each.history)))
    velocity = np.stack([each.velocity for each in found])
    misfits = rms_misfits(found)
    columns = {
        "misfit": misfits[REFINED],
        "misfit_of_prediction": misfits[PREDICTION],
        "misfit_of_noise": misfits[NOISE],
    }
    _report(names, predictor, prediction, velocity, columns, reference)
    title = f"velocity models that {run.resolve().stem} predicts, refined by full-waveform inversion"
    images = {"prediction": prediction} | ({} if deviation is None else {"deviation_of_prediction": deviation})
    write_prediction(output, velocity, predictor.acquisition, images | columns, title)
    shown = {} if reference is None else {"reference": reference[:DRAWN]}
    shown |= {"prediction": prediction[:DRAWN], "refined": velocity[:DRAWN]}
    figure = velocity_panels(
        shown, predictor.acquisition.grid.spacing, samples=names[:DRAWN],
        limits=predictor.acquisition.velocity_limits, salt={name: is_salt(images) for name, images in shown.items()},
    )  # fmt: skip
    save_with_pdf(figure, picture)
    if report:
        refinement = Refinement(
            names, prediction, velocity, found, acquisition, predictor.acquisition, reference, deviation
        )
        made_with = Origin(
            run.resolve().stem, whose, source, SCHEDULE,
            describe_machine(("tomo", "tensorflow", "keras", "numpy")), dataclasses.asdict(predictor.card.settings),
        )  # fmt: skip
        write_page(refinement_report(refinement, _simulated(refinement, given, source), made_with), page)
    print(f"{len(velocity)} velocity models: {output}, the first of them drawn in {picture}")
    if report:
        print(f"The report is {page}")


def _simulated(refinement: Refinement, given: np.ndarray, source: str) -> ShownGathers:
    """The middle shots of the models that the report draws, simulated before and after, of the given strength."""
    from data_gen.simulator.acoustic import Simulator
    from tomo.report.of_refinement import ShownGathers
    from training.evaluation.misfit import explain

    shown = list(refinement.shown())
    simulator = Simulator(refinement.acquisition)
    before, after = (
        explain(images[shown], given[shown], simulator, fit_amplitude=source != "known")
        for images in (refinement.prediction, refinement.velocity)
    )
    return ShownGathers(before.given, before.simulated, after.simulated)


def _given(
    stack: ExitStack,
    run: Path,
    gathers: Path | None,
    of_models: Path | None,
    predictor: Predictor | Ensemble,
    models: int,
    origin: float,
) -> tuple[str, list[str], np.ndarray, Acquisition, np.ndarray | None]:
    """Whose gathers they are, in words; names of the models; gathers (model, source, receiver, time) and their
    acquisition; the true models if they are known."""
    import numpy as np

    from data_gen.survey.reader import Survey
    from training.ensemble import is_ensemble
    from training.evaluation.evaluate import untouched
    from training.predictor import network_file
    from training.trained import open_trained

    if gathers is not None and of_models is not None:
        raise SettingError("gathers of a file or --survey, not both")
    if gathers is None:
        if origin:
            raise SettingError("--origin is for files of gathers")
        if not is_ensemble(run) and network_file(run).parent != run:
            raise DataError(f"{run} is a network alone, whose training models are not known: name a file of gathers")
        opened = open_trained(run)
        survey = opened.first.find_survey() if of_models is None else Survey.open(of_models)
        opened.check_geometry(survey)
        indices = untouched(survey, [opened])[:models]
        if not len(indices):
            raise DataError(f"{survey.folder} has no test models: name a file of gathers")
        survey.verify(only=indices)
        names = [f"model {index}" for index in indices]
        whose = f"the gathers of test models of {survey.name}"
        return whose, names, survey.gathers(indices), survey.acquisition, survey.velocity(indices)
    file = stack.enter_context(gathers_for(predictor, gathers, origin))
    reference = None if file.velocity is None else np.asarray(file.velocity[:models])
    values = file[slice(0, models)]
    names = [f"model {number}" for number in range(len(values))]
    return f"the gathers in {gathers.name}", names, values, file.acquisition, reference


def _report(
    names: list[str],
    predictor: Predictor | Ensemble,
    prediction: np.ndarray,
    velocity: np.ndarray,
    misfits: dict[str, np.ndarray],
    reference: np.ndarray | None,
) -> None:
    """Print misfits before and after, and scores where the true models are known."""
    from training.evaluation.scores import score

    header = ["", "misfit of the prediction", "refined", "of the noise"]
    cells = [misfits["misfit_of_prediction"], misfits["misfit"], misfits["misfit_of_noise"]]
    columns = [[f"{value:.3f}" for value in each] for each in cells]
    if reference is not None:
        acquisition = predictor.acquisition
        before, after = (
            score(images, reference, acquisition.velocity_limits, acquisition.grid.spacing)
            for images in (prediction, velocity)
        )
        for name, field, form in (("RMSE m/s", "rmse", "{:.0f}"), ("SSIM", "ssim", "{:.3f}")):
            header += [f"{name} of the prediction", "refined"]
            columns += [[form.format(getattr(row, field)) for row in rows] for rows in (before, after)]
    shown = table(*header)
    for name, row in zip(names, zip(*columns, strict=True), strict=True):
        shown.add_row(name, *row)
    print_table(shown)
