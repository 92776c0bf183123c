"""The page of a refinement: misfits and scores before and after, models, gathers, the misfit over the iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data_gen.acquisition import Acquisition
from data_gen.inversion.invert import Inversion, Stage
from figures.report.charts import Line, line_chart
from figures.report.vector import scheme_svg
from tomo.pictures import ranks_shown
from tomo.report.cases import Imaged, gather_rows, velocity_rows
from tomo.report.content import Case, Cell, Fact, Picture, PictureRow, Report, Section, Table
from tomo.report.settings import acquisition_rows, machine_table, run_tables
from training.evaluation.scores import score

MODELS = 6
"""Models drawn at most, from the best to the worst misfit."""

NOISE_SHOWN = 30.0
"""A noise that is smaller than the least misfit by this factor is not drawn."""

PREDICTION, REFINED, NOISE = "prediction", "refined", "noise"


@dataclass(frozen=True)
class Refinement:
    """Models that were predicted and refined.

    `names` of the models; `prediction` and `velocity`, before and after, (model, depth, x) in m/s, on the network's
    `grid_of`; `inversions`, one a model; `acquisition` of the gathers; `reference`, the true models where they are
    known; `deviation` (model, depth, x) [m/s] of an ensemble about its prediction, where there is one.
    """

    names: Sequence[str]
    prediction: np.ndarray
    velocity: np.ndarray
    inversions: Sequence[Inversion]
    acquisition: Acquisition
    grid_of: Acquisition
    reference: np.ndarray | None = None
    deviation: np.ndarray | None = None

    def shown(self) -> dict[int, str]:
        """The models that are drawn, by their misfit, and what they are called."""
        order = np.argsort([each.misfit for each in self.inversions], kind="stable")
        if len(order) <= MODELS:
            return dict(enumerate(self.names))
        ranks = ranks_shown(len(order), MODELS)
        return {int(order[rank]): f"{called}: {self.names[order[rank]]}" for rank, called in ranks.items()}


@dataclass(frozen=True)
class ShownGathers:
    """The middle shot of each model that is drawn, (model, receiver, time): given, and simulated before and after."""

    given: np.ndarray
    of_prediction: np.ndarray
    of_refined: np.ndarray


@dataclass(frozen=True)
class Origin:
    """What a refinement was made with: the `run`'s name, in words whose `gathers` they are, settings of the `network`,
    stages, what of the `source` was estimated, and the machine."""

    run: str
    gathers: str
    source: str
    stages: Sequence[Stage]
    machine: Mapping[str, Any]
    network: Mapping[str, Any] = field(default_factory=dict)


def refinement_report(refinement: Refinement, gathers: ShownGathers, origin: Origin) -> Report:
    """The page of a refinement; `gathers` are those of `refinement.shown()`, in its order."""
    sections = [_scores(refinement), _models(refinement, gathers), _settings(refinement, origin)]
    count = len(refinement.names)
    lead = (
        f"{count} velocity model{'s' if count > 1 else ''} predicted by {origin.run} from {origin.gathers}, and "
        "refined by full-waveform inversion of the same gathers."
    )
    return Report(
        f"Refinement of {origin.run}", lead, _facts(refinement), tuple(sections),
        f"Made by tomo {origin.machine['versions']['tomo']}, tomo refine --report.",
    )  # fmt: skip


def rms_misfits(inversions: Sequence[Inversion]) -> dict[str, np.ndarray]:
    """Misfits as RMS over the RMS of the gathers, (model,): before, after, and of the noise."""
    return {
        PREDICTION: np.sqrt([each.start for each in inversions]),
        REFINED: np.sqrt([each.misfit for each in inversions]),
        NOISE: np.sqrt([each.noise for each in inversions]),
    }


def _columns(refinement: Refinement) -> dict[str, tuple[np.ndarray, str]]:
    """Heading -> values of all models and their format."""
    misfits = rms_misfits(refinement.inversions)
    columns = {f"misfit, {name}": (values, "{:.3f}") for name, values in misfits.items()}
    if refinement.reference is not None:
        line = refinement.grid_of
        for title, which, form in (("RMSE m/s", "rmse", "{:.0f}"), ("SSIM", "ssim", "{:.3f}"),
                                   ("salt IoU", "salt_iou", "{:.2f}")):  # fmt: skip
            for name, images in ((PREDICTION, refinement.prediction), (REFINED, refinement.velocity)):
                rows = score(images, refinement.reference, line.velocity_limits, line.grid.spacing)
                columns[f"{title}, {name}"] = (np.array([getattr(row, which) for row in rows]), form)
    return columns


def _facts(refinement: Refinement) -> tuple[Fact, ...]:
    facts = [Fact(f"{sum(each.improved for each in refinement.inversions)} of {len(refinement.names)}",
                  "models explain their gathers better than before")]  # fmt: skip
    columns = _columns(refinement)
    for title, unit in (("misfit", ""), ("RMSE m/s", " m/s"), ("SSIM", ""), ("salt IoU", "")):
        if f"{title}, {REFINED}" not in columns:
            continue
        (before, form), (after, _) = columns[f"{title}, {PREDICTION}"], columns[f"{title}, {REFINED}"]
        if np.isfinite(after).any():
            mean = form.format(np.nanmean(before)) if np.isfinite(before).any() else "-"
            what = f"mean {title.removesuffix(' m/s')}"
            facts.append(Fact(form.format(np.nanmean(after)) + unit, what, f"before: {mean}{unit}"))
    return tuple(facts)


def _scores(refinement: Refinement) -> Section:
    columns = _columns(refinement)
    rows = [
        (Cell(name), *(_number(float(values[model]), form) for values, form in columns.values()))
        for model, name in enumerate(refinement.names)
    ]
    note = (
        "Misfits are RMS of the difference to the given gathers over RMS of these, traces next to their source left "
        "out; that of the noise is what the true model would leave, by what was recorded before the first arrivals."
    )
    kept = [name for name, each in zip(refinement.names, refinement.inversions, strict=True) if not each.improved]
    if kept:
        note += f" The prediction was kept, as nothing explained the gathers better: {', '.join(kept)}."
    table = Table("Every model, before and after", ("", *columns), tuple(rows), note, numeric=True)
    return Section("scores", "Misfits" if refinement.reference is None else "Misfits and scores", tables=(table,))


def _number(value: float, form: str) -> Cell:
    return Cell(form.format(value), value) if np.isfinite(value) else Cell("-")


def _models(refinement: Refinement, gathers: ShownGathers) -> Section:
    cases = []
    for number, (model, called) in enumerate(refinement.shown().items()):
        found = refinement.inversions[model]
        images = {PREDICTION: refinement.prediction[model], REFINED: refinement.velocity[model]}
        reference = None if refinement.reference is None else refinement.reference[model]
        scores = {}
        if reference is not None:
            line = refinement.grid_of
            scores = {
                name: score(image[None], reference[None], line.velocity_limits, line.grid.spacing)[0]
                for name, image in images.items()
            }
        deviation = {} if refinement.deviation is None else {PREDICTION: refinement.deviation[model]}
        simulated = {PREDICTION: gathers.of_prediction[number], REFINED: gathers.of_refined[number]}
        misfits = {PREDICTION: found.start, REFINED: found.misfit}
        captions = {name: f"misfit of all shots {np.sqrt(value):.3f}" for name, value in misfits.items()}
        rows = (
            *velocity_rows(Imaged(images, reference, scores, deviation), refinement.grid_of),
            PictureRow("Misfit over the iterations", (), beside=_history(found)),
            *gather_rows(gathers.given[number], simulated, refinement.acquisition, captions),
        )
        cases.append(Case(called, "", rows))
    known = "The black outline is the true salt, the dashed one" if refinement.reference is not None else "Dashed:"
    text = f"{known} the salt that was found. Draw the edge across the picture to compare two of them."
    return Section("models", "Models", text, cases=tuple(cases))


def _history(found: Inversion) -> Picture:
    """The misfit of every simulation, a line a stage, each of its own band of frequencies."""
    lines, breaks, before = [], [], 0
    for number, misfits in enumerate(found.history):
        count = np.arange(before + 1, before + 1 + len(misfits))
        lines.append(Line(f"stage {number + 1}", count, np.sqrt(misfits)))
        before += len(misfits)
        breaks.append(before + 0.5)
    least = min((float(line.y.min()) for line in lines if len(line.y)), default=1.0)
    noise = float(np.sqrt(found.noise))
    figure = line_chart(
        lines, "simulation", "misfit in the stage's band", logarithmic=True, whole_numbers=True, breaks=breaks[:-1],
        levels={"noise, whole band": noise} if noise > least / NOISE_SHOWN else {},
    )  # fmt: skip
    said = "; ".join(f"{line.name} {line.y[0]:.3f} to {line.y[-1]:.3f}" for line in lines if len(line.y))
    return Picture("", scheme_svg(figure), f"Misfit over the simulations of the inversion: {said}")


def _settings(refinement: Refinement, origin: Origin) -> Section:
    stages = [
        f"{stage.iterations} iterations {'of all frequencies' if stage.cutoff is None else _below(stage, refinement)}"
        for stage in origin.stages
    ]
    known = {"known": "known", "amplitude": "strength of each shot estimated", "wavelet": "wavelet estimated"}
    rows = [("run", origin.run), ("gathers", origin.gathers), ("source", known.get(origin.source, origin.source))]
    rows += [(f"stage {number + 1}", f"at most {text}") for number, text in enumerate(stages)]
    tables = [Table("The refinement", ("", ""), tuple((Cell(name), Cell(text)) for name, text in rows))]
    if origin.network:
        (table,) = run_tables({origin.run: origin.network})
        tables.append(Table("The network", table.header, table.rows, folded=True))
    tables.append(Table("The line", ("", ""), acquisition_rows(refinement.acquisition), folded=True))
    return Section("settings", "Settings", tables=(*tables, machine_table(origin.machine)))


def _below(stage: Stage, refinement: Refinement) -> str:
    assert stage.cutoff is not None
    return f"below {stage.cutoff * refinement.acquisition.peak_frequency:g} Hz"
