"""`tomo gallery` draws pages of fresh models and of a survey, and says what is wrong with its arguments."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_survey import write_survey

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.grid import Grid
from data_gen.survey.reader import Survey
from data_gen.survey.specification import SurveySpecification
from tomo.gallery import _models_of, gallery


def is_a_page(path: Path) -> bool:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return min(pixels.shape[:2]) > 200 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


def test_models_fresh_from_the_geology(tmp_path):
    gallery(None, tmp_path / "new" / "page.png", models=3, preset="demo", gathers=False)
    assert is_a_page(tmp_path / "new" / "page.png")


def test_models_and_gathers_of_a_survey(tmp_path):
    acquisition = Acquisition(Grid(48, 48, 15.0), sources=3, receivers=9, samples=40, sample_interval=0.008)
    write_survey(tmp_path / "survey", SurveySpecification(acquisition, models=4, train_models=2))
    survey = Survey.open(tmp_path / "survey")
    velocity, shots, titles = _models_of(survey, 3, gathers=True)
    assert titles == ["train 0", "test 2", "test 3"]
    np.testing.assert_array_equal(velocity, survey.velocity([0, 2, 3]))
    np.testing.assert_array_equal(shots.gathers, survey.gathers([0, 2, 3])[:, 1])
    gallery(tmp_path / "survey", tmp_path / "page.png", models=12, gathers=True)
    assert is_a_page(tmp_path / "page.png")


def test_wrong_arguments_are_told_and_write_nothing(tmp_path):
    with pytest.raises(SettingError, match="docx"):
        gallery(None, tmp_path / "page.docx", models=1)
    with pytest.raises(SettingError, match="preset"):
        gallery(None, tmp_path / "page.png", models=1, preset="nosuch")
    with pytest.raises(DataError):
        gallery(tmp_path / "nowhere", tmp_path / "page.png", models=1)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_is_there_is_kept(tmp_path):
    (tmp_path / "page.png").write_text("mine")
    with pytest.raises(DataError, match="already exists"):
        gallery(None, tmp_path / "page.png", models=1, preset="demo", gathers=False)
    assert (tmp_path / "page.png").read_text() == "mine"
