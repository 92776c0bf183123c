"""The figure of the race of optimizers."""

from __future__ import annotations

import numpy as np

from figures.rivals import Progress, rivals_convergence


def test_each_task_has_a_panel_each_optimizer_a_band_and_a_median():
    seconds = np.array([1.0, 2.0, 4.0])
    sound = Progress(seconds, np.array([[3.0, 2.0, 1.0], [5.0, 2.0, 2.0], [4.0, 3.0, 1.5]]))
    gone = Progress(seconds, np.array([[3.0, np.nan, np.nan], [3.0, 2.0, 1.0]]))
    lost = Progress(seconds, np.full((1, 3), np.nan))
    figure = rivals_convergence({"one": {"a": sound, "b": gone}, "two": {"b": sound, "c": lost}})
    one, two = figure.axes
    assert [axes.get_title() for axes in (one, two)] == ["one (diverged: 1 of b)", "two (diverged: 1 of c)"]
    assert one.get_xscale() == one.get_yscale() == "log"
    np.testing.assert_array_equal(one.lines[0].get_ydata(), [4.0, 2.0, 1.5])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]
    assert len(one.collections) == 2
    assert one.lines[1].get_color() == two.lines[0].get_color() != one.lines[0].get_color()
    assert np.isnan(two.lines[1].get_ydata()).all()


def test_the_losses_axis_has_no_more_numbers_than_there_is_room_for():
    """However many decades: 0.7 to 1e-4 had twenty of them over each other."""
    for lowest in (0.5, 1e-2, 1e-5):
        figure = rivals_convergence({"one": {"a": Progress(np.array([1.0, 2.0]), np.array([[1.0, lowest]]))}})
        (axes,) = figure.axes
        low, high = axes.get_ylim()
        numbers = [value for value in axes.yaxis.get_major_locator()() if low <= value <= high]
        assert 2 <= len(numbers) <= 7
