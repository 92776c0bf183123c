"""Which models are drawn, what they are called, and the files that a picture becomes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from tomo.pictures import log_column, ranks_shown, recorded, save_with_pdf


def test_best_median_and_worst_are_named():
    assert list(ranks_shown(161, 5).values()) == ["best", "rank 41 of 161", "median", "rank 121 of 161", "worst"]
    assert ranks_shown(160, 3)[0] == "best"
    assert list(ranks_shown(160, 3).values()) == ["best", "median", "worst"]
    assert list(ranks_shown(160, 1).values()) == ["median"]
    assert list(ranks_shown(2, 5).values()) == ["best", "worst"]
    assert list(ranks_shown(1, 5).values()) == ["best"]


def test_a_picture_is_a_png_and_a_pdf_beside_it(tmp_path):
    figure = Figure()
    figure.subplots().plot([1, 2])
    save_with_pdf(figure, tmp_path / "velocity.png")
    assert (tmp_path / "velocity.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "velocity.pdf").read_bytes().startswith(b"%PDF")


def test_what_nobody_recorded_is_no_number():
    gathers, live = np.ones((2, 3, 4)), np.array([True, False, True])
    assert np.isnan(recorded(gathers, live)[:, 1]).all()
    assert recorded(gathers, np.ones(3, bool)) is gathers


def test_a_log_is_where_the_salt_is_thickest():
    salt = np.zeros((5, 6), bool)
    assert log_column(salt) == 3
    salt[1:3, 2:5] = salt[4, 4] = True
    assert log_column(salt) == 4


def test_fonts_of_a_pdf_are_not_of_type_3(tmp_path):
    figure = Figure()
    figure.subplots().set_title("velocity")
    save_with_pdf(figure, tmp_path / "velocity.png")
    page = (tmp_path / "velocity.pdf").read_bytes()
    assert b"/Type0" in page
    assert b"/Subtype /Type3" not in page
