"""Panels on disk: made once, by several processes, continued after a kill, checked; and what they depend on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from small_survey import write_survey

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError
from data_gen.grid import Grid
from data_gen.migration.panels import PanelDefinition, PanelMaker
from data_gen.migration.reference import draw_profiles
from data_gen.migration.store import PanelStore
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification

LINE = Acquisition(Grid(40, 40, 15.0), sources=5, receivers=20, samples=60, sample_interval=0.008)
MAKE = """
import sys, json
from data_gen.migration.panels import PanelDefinition
from data_gen.migration.store import PanelStore
from data_gen.survey.reader import Survey
PanelStore(Survey.open(sys.argv[1]), PanelDefinition.from_json(json.loads(sys.argv[2])), 3, 2).make(workers=1)
"""


@pytest.fixture(scope="module")
def survey(tmp_path_factory) -> Survey:
    folder = tmp_path_factory.mktemp("panels") / "survey"
    write_survey(folder, SurveySpecification(LINE, models=40, train_models=36))
    return Survey.open(folder)


@pytest.fixture(scope="module")
def definition(survey) -> PanelDefinition:
    profiles = np.round(draw_profiles(survey.velocity(survey.train), 15.0, 4), 3)
    return PanelDefinition(LINE.grid, tuple(map(tuple, profiles.tolist())))


@pytest.fixture(scope="module")
def store(survey, definition) -> PanelStore:
    store = PanelStore(survey, definition, views=3, ranks=2)
    done: list[int] = []
    store.make(workers=2, progress=done.append)
    assert sum(done) == len(store) == 2 * 40 + 2 * 36
    return store


def test_they_are_those_of_the_gathers(survey, definition, store):
    with h5py.File(store.references) as file:
        maker = PanelMaker(definition, LINE, file["gathers"][()])
    stored = store.panels([3, 38])
    for panels, index in zip(stored, (3, 38), strict=True):
        np.testing.assert_array_equal(panels, maker.panels(survey.gathers([index])[0]).astype(np.float16))


def test_of_all_models_there_are_panels_in_the_next_best_reference(survey, definition, store):
    with h5py.File(store.references) as file:
        maker = PanelMaker(definition, LINE, file["gathers"][()])
    for panels, index in zip(store.panels([3, 38], rank=1), (3, 38), strict=True):
        gathers = survey.gathers([index])[0]
        np.testing.assert_array_equal(panels, maker.panels(gathers, rank=1).astype(np.float16))
        assert np.ptp(panels[..., -1] - maker.panels(gathers)[..., -1]) > 0.01  # another profile


def test_training_models_have_views_that_differ_and_test_models_one(survey, store):
    views = [store.panels([5], np.array([view]))[0].astype(float) for view in range(3)]
    assert all(np.abs(views[0] - view).max() > 0.01 for view in views[1:])
    assert np.corrcoef(views[0][..., :-1].ravel(), views[1][..., :-1].ravel())[0, 1] > 0.5
    with pytest.raises((DataError, IndexError)):
        store.panels([39], np.array([1]))


def test_views_with_noise_lie_beside_those_without(survey, definition, store):
    noisy = PanelStore(survey, definition, views=2, noise=True)
    noisy.make(workers=1)
    view = np.array([1])
    np.testing.assert_array_equal(noisy.panels([5]), store.panels([5]))
    assert np.any(noisy.panels([5], view) != store.panels([5], view))
    for path in noisy.folder.glob("*-noise.h5"):
        path.unlink()


def test_they_are_not_made_again_with_fewer_views_the_same_and_others_lie_beside_them(survey, definition, store):
    before = {path: path.stat().st_mtime_ns for path in store.folder.iterdir()}
    store.make()
    assert {path: path.stat().st_mtime_ns for path in store.folder.iterdir()} == before
    fewer = PanelStore(survey, definition, views=1)
    np.testing.assert_array_equal(fewer.panels([7]), store.panels([7]))
    assert PanelStore(survey, replace(definition, offset_bounds=(300.0,))).folder != store.folder


def test_after_a_kill_they_are_finished_with_the_same_bytes(survey, definition, store, tmp_path):
    import json
    import shutil

    copy = tmp_path / "survey"
    shutil.copytree(survey.folder, copy, ignore=shutil.ignore_patterns("panels"))
    command = [sys.executable, "-c", MAKE, copy, json.dumps(definition.to_json())]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    mine = copy / "panels" / store.folder.name
    while not (mine / "00000.h5").exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command, check=True)
    names = sorted(path.name for path in store.folder.glob("*.h5"))
    assert names == sorted(path.name for path in mine.glob("*.h5"))
    for name in names:
        assert (mine / name).read_bytes() == (store.folder / name).read_bytes()
    assert not list(mine.glob(".unfinished*"))


def test_a_flipped_byte_shows(store):
    path = store.folder / "00001.h5"
    whole = path.read_bytes()
    store.verify()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=r"00001\.h5 is damaged"):
        store.verify()
    path.write_bytes(whole[:1000])
    with pytest.raises(DataError, match=r"00001\.h5 cannot be read"):
        PanelStore(store.survey, store.definition).panels([17])
    path.write_bytes(whole)
