"""The report: one file with nothing outside, valid, escaped, and with the numbers of the scores."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.grid import Grid
from data_gen.inversion.invert import Inversion, Stage
from data_gen.survey.arrays import ArraySurvey
from tomo.report.cases import charted
from tomo.report.of_evaluation import evaluation_report
from tomo.report.of_refinement import Origin, Refinement, ShownGathers, refinement_report
from tomo.report.page import check_replaceable, render, write_page
from training.evaluation.evaluate import MEAN_MODEL, TRUE_MODEL, Evaluation
from training.evaluation.files import scores_record, write_scores
from training.evaluation.misfit import Explained
from training.evaluation.robustness import DISTURBANCES, Sweep
from training.evaluation.scores import mean_scores, score
from training.runs import begin_run
from training.settings import Settings
from training.trained import Trained

LINE = Acquisition(Grid(16, 24, 15.0), sources=2, receivers=8, samples=30, sample_interval=0.008)
HOSTILE = "a <b>&amp; [bold] 'run' {{ 7 }}"
VOID = {"meta", "link", "img", "input", "br"}
RNG = np.random.default_rng(0)
MODELS = RNG.uniform(1500.0, 4700.0, (7, 16, 24)).astype(np.float32)
GATHERS = RNG.normal(size=(7, *LINE.gather_shape)).astype(np.float32)


class Elements(HTMLParser):
    """What is open, which must be closed in turn; and all elements with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        assert len(dict(attributes)) == len(attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Trained]:
    folder = tmp_path_factory.mktemp("runs")
    survey = ArraySurvey(GATHERS, MODELS, LINE, test_models=5)
    made = []
    for name, epochs in ((HOSTILE, 3), ("other", 5)):
        run = begin_run(folder / name, Settings("adamw", "unet", epochs, 2, validation=0.5), survey)
        rows = [f"{epoch},{10.0 * epoch},{9.0 / epoch},{8.0 / epoch},{0.1 * epoch}" for epoch in range(1, epochs + 1)]
        run.history_file.write_text("\n".join(["epoch,seconds,loss,val_loss,val_ssim", *rows]) + "\n")
        made.append(Trained(run.folder, (run,)))
    return made


@pytest.fixture(scope="module")
def evaluation(runs) -> Evaluation:
    survey = ArraySurvey(GATHERS, MODELS, LINE, test_models=5)
    reference = survey.velocity(survey.test)
    predictions = {name: reference + error for name, error in ((MEAN_MODEL, 400), (HOSTILE, -90), ("other", 150))}
    predictions[MEAN_MODEL] = np.full_like(reference, 2500.0)
    scores = {
        name: score(images, reference, LINE.velocity_limits, LINE.grid.spacing) for name, images in predictions.items()
    }
    misfits = {name: RNG.uniform(0, 1, 3) for name in (*predictions, TRUE_MODEL)}
    deviations = {"other": np.abs(reference - 3000)}
    return Evaluation(survey, survey.test, reference, predictions, scores, misfits, deviations)


@pytest.fixture(scope="module")
def page(evaluation, runs) -> str:
    gathers = GATHERS[:3, 0]
    explained = {
        name: Explained(misfit, np.ones(3), gathers, 0.9 * gathers) for name, misfit in evaluation.misfits.items()
    }
    sweeps = [
        Sweep(kind, {run.name: tuple(mean_scores(evaluation.scores[run.name]) for _ in kind.levels) for run in runs})
        for kind in DISTURBANCES
    ]
    record = scores_record([evaluation], runs)
    return render(evaluation_report([evaluation], runs, record, explained, sweeps))


def refinement(models: int) -> Refinement:
    inversions = [
        Inversion(MODELS[i], 0.04 + 0.01 * i, 0.01 + 0.01 * i, 1e-3, ((0.5, 0.3, 0.2), (0.3, 0.1)))
        for i in range(models)
    ]
    names = [f"<i>{i}</i>" for i in range(models)]
    return Refinement(names, MODELS[:models] + 90, MODELS[:models], inversions, LINE, LINE)


def refined_page(made: Refinement) -> str:
    shown = list(made.shown())
    origin = Origin(
        HOSTILE, "the gathers in <a>.sgy", "wavelet", (Stage(0.6, 8), Stage(None, 4)),
        {"processor": "", "cores": 2, "system": "&", "versions": {"tomo": "0"}}, {"optimizer": "adamw"},
    )  # fmt: skip
    drawn = GATHERS[shown, 0]
    return render(refinement_report(made, ShownGathers(drawn, 0.5 * drawn, 0.9 * drawn), origin))


@pytest.fixture(scope="module")
def pages(page) -> list[str]:
    without = refinement(2)
    with_truth = replace(without, reference=MODELS[:2] - 10, deviation=np.full_like(MODELS[:2], 30.0))
    return [page, refined_page(without), refined_page(with_truth)]


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_a_page_is_valid(pages):
    for page in pages:
        assert page.lstrip().startswith("<!DOCTYPE html>")
        parser = etree.HTMLParser(recover=False)
        etree.fromstring(page.encode(), parser)
        unknown = etree.ErrorTypes.HTML_UNKNOWN_TAG  # the parser knows HTML 4
        assert [error.message for error in parser.error_log if error.type != unknown] == []
        found = elements(page).found
        names = [attributes["id"] for _, attributes in found if "id" in attributes]
        assert len(names) == len(set(names))
        links = [attributes["href"] for tag, attributes in found if tag == "a"]
        assert set(links) <= {f"#{name}" for name in names}


def test_a_page_needs_nothing_else(pages):
    for page in pages:
        for tag, attributes in elements(page).found:
            assert tag not in ("iframe", "object", "embed", "base")
            assert "srcset" not in attributes
            for name in ("src", "href"):
                assert (attributes.get(name) or "data:").startswith(("data:", "#")), attributes[name]
            if tag == "script":
                assert not attributes
        assert not re.search(r"@import|url\((?!%23)", page)
        assert "fetch(" not in page


def test_every_picture_is_told_in_words_and_has_its_size(pages):
    for page in pages:
        pictures = [attributes for tag, attributes in elements(page).found if tag == "img"]
        assert len(pictures) > 10
        for attributes in pictures:
            assert len(attributes["alt"]) > 10
            assert int(attributes["width"]) > 100
            assert int(attributes["height"]) > 30
            assert "nan" not in attributes["alt"]


def test_names_are_escaped(pages):
    for page in pages:
        parser = elements(page)
        assert HOSTILE in " ".join(parser.text)
        assert not {"b", "i"} & {tag for tag, _ in parser.found}
    assert "<i>1</i>" in " ".join(elements(pages[1]).text)


def test_numbers_are_those_of_the_scores(page, evaluation, runs, tmp_path):
    write_scores([evaluation], runs, tmp_path)
    (survey,) = json.loads((tmp_path / "scores.json").read_text())["surveys"]
    shown = [float(attributes["value"]) for tag, attributes in elements(page).found if tag == "data"]
    wanted = {value for row in survey["scores"].values() for value in row.values() if value is not None}
    assert set(shown) == wanted
    text = " ".join(elements(page).text)
    for name in (HOSTILE, "other"):
        assert f"{survey['scores'][name]['rmse']:.0f}" in text
    assert "What the runs differ in" in text
    assert "epochs" in text


def test_a_page_has_what_was_asked_for_and_no_more(page, evaluation, runs):
    anchors = ["scores", "models", "gathers", "training", "robustness", "settings"]
    assert re.findall(r'<section id="(\w+)"', page) == anchors
    assert "Standard deviation of the ensemble" in page
    alone = replace(evaluation, deviations={})
    plain = render(evaluation_report([alone], runs[:1], scores_record([alone], runs[:1])))
    assert re.findall(r'<section id="(\w+)"', plain) == ["scores", "models", "training", "settings"]
    assert "Standard deviation" not in plain
    assert "What the runs differ in" not in plain


def test_a_run_has_one_colour_in_all_charts():
    """Trainings have no mean model: elsewhere it comes after the runs."""
    assert list(charted({MEAN_MODEL: 0, "a": 1, "b": 2})) == ["a", "b", MEAN_MODEL]


def test_a_refinement_shows_what_is_known(pages):
    _, without, with_truth = pages
    assert "Change: dark is slower" in without
    assert "reference" not in without
    assert "SSIM" not in without
    assert "Error: dark is too slow" in with_truth
    assert "SSIM" in with_truth
    assert "Standard deviation of the ensemble" in with_truth
    values = [float(attributes["value"]) for tag, attributes in elements(without).found if tag == "data"]
    np.testing.assert_allclose(values[:3], np.sqrt([0.04, 0.01, 1e-3]))


def test_of_many_refined_models_the_best_to_the_worst_are_drawn():
    assert list(refinement(7).shown().values())[::5] == ["best: <i>0</i>", "worst: <i>6</i>"]
    assert len(refinement(7).shown()) == 6
    assert list(refinement(2).shown()) == [0, 1]


def test_only_a_report_is_replaced(tmp_path, evaluation, runs):
    path = tmp_path / "report.html"
    check_replaceable(path)
    report = evaluation_report([evaluation], runs, scores_record([evaluation], runs))
    write_page(report, path)
    check_replaceable(path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    path.write_text("<html>mine</html>")
    with pytest.raises(DataError, match="is no report of tomo's"):
        check_replaceable(path)
    Path(tmp_path / "folder.html").mkdir()
    with pytest.raises(DataError):
        check_replaceable(tmp_path / "folder.html")
