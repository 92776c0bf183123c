"""Charts of trainings: loss and SSIM over epochs, and over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from figures.palette import KILOMETRE
from figures.report.charts import Line, line_chart
from figures.report.vector import scheme_svg
from tomo.report.content import Picture
from training.trained import Trained

MINUTE, HOUR = 60.0, 3600.0


def training_charts(trained: Sequence[Trained]) -> tuple[Picture, ...]:
    """Loss [(m/s)²] and SSIM of the validation models of each; the training loss where none has any."""
    histories = {each.name: each.history() for each in trained}
    histories = {name: history for name, history in histories.items() if history["loss"]}
    validated = {name: history for name, history in histories.items() if "val_loss" in history}
    if not histories:
        return ()
    if validated:
        kinds = [("val_loss", "validation loss, (m/s)²"), ("val_ssim", "validation SSIM")]
    else:
        kinds = [("loss", "training loss, (m/s)²")]
    charts = []
    for column, label in kinds:
        shown = {name: history for name, history in (validated or histories).items() if column in history}
        if not shown:
            continue
        charts.append(_chart(shown, column, label, "epoch", 1.0))
        timed = {name: history for name, history in shown.items() if "seconds" in history}
        if timed:
            longest = max(history["seconds"][-1] for history in timed.values())
            unit, factor = (
                ("h", HOUR) if longest > 2 * HOUR else ("min", MINUTE) if longest > 2 * MINUTE else ("s", 1.0)
            )
            charts.append(_chart(timed, column, label, f"time ({unit})", factor))
    return tuple(charts)


def _chart(histories: dict[str, dict[str, list[float]]], column: str, label: str, axis: str, unit: float) -> Picture:
    of_loss, epochs = column.endswith("loss"), axis == "epoch"
    lines = []
    for name, history in histories.items():
        y = np.array(history[column]) * (KILOMETRE**2 if of_loss else 1.0)
        x = np.arange(1, len(y) + 1) if epochs else np.array(history["seconds"]) / unit
        lines.append(Line(name, x, y))
    figure = line_chart(lines, axis, label, logarithmic=of_loss, whole_numbers=epochs)
    form = ".3e" if of_loss else ".3f"
    said = "; ".join(f"{line.name} {line.y[0]:{form}} to {line.y[-1]:{form}}" for line in lines)
    return Picture("", scheme_svg(figure), f"{label[0].upper()}{label[1:]} over {axis}: {said}")
