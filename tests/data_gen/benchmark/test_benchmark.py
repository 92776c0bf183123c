"""The benchmark measures what it says: the same record from every contender, errors, shares, ceilings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data_gen.acquisition import Acquisition
from data_gen.benchmark.accuracy import difference, embed, scheme_error
from data_gen.benchmark.ceiling import measure_ceiling
from data_gen.benchmark.contenders import Deepwave, Ours, PlainDevito
from data_gen.benchmark.report import rows
from data_gen.benchmark.worker import whole_survey, worker_share
from data_gen.grid import Grid
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification
from tomo.cli import app

SMALL = Acquisition(Grid(50, 60, 15.0), sources=3, receivers=40, samples=60, sample_interval=0.008)


@pytest.mark.parametrize("build", [PlainDevito, Deepwave])
def test_contenders_make_the_same_record(build):
    """Over a smooth model, to 5 %: schemes and boundaries of their own, of 1 or 2 % each on the whole record.

    Receivers beside the source are left out, where the field is singular.
    """
    if build is Deepwave:
        pytest.importorskip("deepwave")
    velocity = np.broadcast_to(np.linspace(1800, 2600, 50, dtype=np.float32)[:, None], (50, 60)).copy()
    ours, theirs = Ours(SMALL).gather(velocity), build(SMALL).gather(velocity)
    for shot in range(SMALL.sources):
        apart = np.abs(SMALL.receiver_x - SMALL.source_x[shot]) > 2 * SMALL.grid.spacing
        assert difference(theirs[shot][apart], ours[shot][apart]) < 0.05


def test_the_error_of_the_scheme_is_that_of_the_accuracy_tests():
    acquisition = replace(SMALL, grid=Grid(100, 100, 15.0), receivers=256, samples=120)
    assert scheme_error(Ours, acquisition, 2000.0) < 0.007


def test_the_large_domain_has_sources_and_receivers_at_the_same_places():
    large = embed(SMALL, margin=7)
    np.testing.assert_allclose(large.source_x - 105, SMALL.source_x)
    np.testing.assert_allclose(large.receiver_x - 105, SMALL.receiver_x)
    assert (*large.grid.shape, large.receiver_depth) == (64, 74, 120)


def test_a_worker_stays_below_the_ceiling(tmp_path):
    share = worker_share(SurveySpecification(SMALL, models=4, train_models=4))
    assert 0 < share["loop_share"] < 1
    assert 0 < share["gflops"] < share["ceiling_gflops"]


def test_the_cache_of_the_ceiling_is_a_cache():
    """Arrays of 16 kB stream faster than those of 64 MB."""
    small, large = (measure_ceiling(size, 0.02)["gigabytes_per_second"] for size in (1 << 14, 1 << 26))
    assert small > large


def test_a_whole_survey_is_made_and_measured(tmp_path):
    specification = SurveySpecification(SMALL, models=17, train_models=10)
    figures = whole_survey(specification, tmp_path, workers=1)
    assert len(Survey.open(tmp_path)) == 17
    assert figures["bytes_on_disk"] > 17 * 4 * np.prod(SMALL.gather_shape)
    assert 50e6 < figures["peak_bytes_per_worker"] < 1.5e9


@pytest.mark.slow
def test_the_command_measures_everything_and_prints_it(tmp_path):
    pytest.importorskip("deepwave")
    options = ["--preset", "demo", "--rounds", "1", "--survey", str(tmp_path / "survey")]
    run = CliRunner().invoke(app, ["benchmark", "simulator", *options, "--output", str(tmp_path / "results.json")])
    assert run.exit_code == 0, run.output
    for text in ("deepwave", "plain Devito", "boundary error", "Gflop/s", "256 models, 1280 shots", "GB"):
        assert text in run.output
    assert len(Survey.open(tmp_path / "survey")) == 256


def test_the_committed_results_are_tables_still():
    results = json.loads((Path(__file__).parents[3] / "docs" / "results" / "simulator.json").read_text())
    for _, header, lines in rows(results):
        assert all(len(line) == len(header) for line in lines)
