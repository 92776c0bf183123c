"""The table of an evaluation: a section for each survey, a column for each predictor, a row for each score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.evaluate import Evaluation

SCORES = {
    "loss": ("loss (m/s)²", "{:.3e}"),
    "mse": ("MSE (m/s)²", "{:.3e}"),
    "rmse": ("RMSE m/s", "{:.0f}"),
    "mae": ("MAE m/s", "{:.0f}"),
    "ssim": ("SSIM", "{:.3f}"),
    "salt_iou": ("salt IoU", "{:.2f}"),
    "salt_found": ("salt found", "{:.2f}"),
    "salt_top_error": ("salt top m", "{:.0f}"),
    "data_misfit": ("data misfit", "{:.3f}"),
}
"""Score -> its title with the unit, and its format."""


@dataclass(frozen=True)
class ScoreTable:
    """The predictors, and of each survey a title and rows of cells, the score's name first."""

    predictors: list[str]
    sections: list[tuple[str, list[list[str]]]]

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation]) -> ScoreTable:
        """The mean scores of evaluations; a score that no predictor has gets no row."""
        means = [evaluation.means() for evaluation in evaluations]
        predictors = list(dict.fromkeys(name for rows in means for name in rows))
        sections = []
        for evaluation, rows in zip(evaluations, means, strict=True):
            scored = {score: [rows.get(predictor, {}).get(score) for predictor in predictors] for score in SCORES}
            section = [
                [SCORES[score][0], *(_cell(value, SCORES[score][1]) for value in values)]
                for score, values in scored.items()
                if any(value is not None for value in values)
            ]
            sections.append((f"{len(evaluation.indices)} test models of {evaluation.survey.name}", section))
        return cls(predictors, sections)

    def markdown(self) -> str:
        """For a text."""
        rows = [["", *self.predictors], ["---"] * (1 + len(self.predictors))]
        for title, scores in self.sections:
            rows += [[f"**{title}**", *("" for _ in self.predictors)], *scores]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(value: float | None, form: str) -> str:
    """A score as text; nothing where there is none, a dash where there was nothing to compare."""
    if value is None:
        return ""
    return "-" if math.isnan(value) else form.format(value)
