"""Pictures of a page: they follow its colour scheme, keep their pixels and lie over each other."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from figures.report.charts import Line, line_chart
from figures.report.frames import (
    SIGNED_MAP,
    deviation_frame,
    error_frame,
    error_scale,
    frame_edges,
    gather_frame,
    velocity_frame,
    velocity_scale,
)
from figures.report.vector import INK, scheme_svg

RNG = np.random.default_rng(0)
VELOCITY = RNG.uniform(1500, 4600, (20, 30))
SALT = VELOCITY > 4000
CHART = [Line("a", np.arange(9), np.arange(9) ** 2), Line("b", np.arange(9), np.arange(9.0))]


def figures() -> dict:
    x, time = np.linspace(0, 435, 12), np.arange(40) * 0.008
    return {
        "velocity": velocity_frame(VELOCITY, 15.0, (1500, 4600), true_salt=SALT, salt=~SALT),
        "error": error_frame(VELOCITY - 3000, 15.0, 1500.0, true_salt=SALT),
        "deviation": deviation_frame(abs(VELOCITY - 3000), 15.0, 1500.0),
        "gather": gather_frame(RNG.normal(size=(12, 40)), x, time, 1.0),
        "uneven": gather_frame(RNG.normal(size=(12, 40)), x**2, time, 1.0),
        "scale": velocity_scale((1500, 4600)),
        "chart": line_chart(
            CHART, "epoch", "loss", logarithmic=True, reference=CHART[0], levels={"c": 3.0}, breaks=[2]
        ),
    }


@pytest.mark.parametrize("name", list(figures()))
def test_a_picture_stands_for_itself_and_follows_the_colour_scheme(name):
    svg = scheme_svg(figures()[name])
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme:dark" in svg
    assert "currentColor" in svg
    assert INK not in svg
    assert "<metadata" not in svg
    links = [value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"@import|url\((?!#)|font-family", svg)


def test_an_image_keeps_its_pixels():
    """Not resampled to the size of the page: what is embedded has a pixel a cell, of its own colour."""
    embedded = re.search(r"data:image/png;base64,([^\"]+)", scheme_svg(velocity_frame(VELOCITY, 15.0, (1500, 4600))))
    assert embedded is not None
    pixels = imread(io.BytesIO(base64.b64decode(embedded[1])), format="png")
    assert pixels.shape[:2] == VELOCITY.shape
    wanted = matplotlib.colormaps["viridis"]((VELOCITY - 1500) / 3100)
    upright = min(np.abs(pixels[::step, :, :3] - wanted[..., :3]).max() for step in (1, -1))
    assert upright < 1 / 128  # a byte a colour


def test_frames_have_one_width_and_one_place_for_what_they_show():
    places = {name: figures()[name].axes[0].get_position() for name in ("velocity", "error", "gather")}
    edges = frame_edges()
    for place in places.values():
        assert place.x0 == pytest.approx(edges["left"])
        assert place.x1 == pytest.approx(edges["right"])
    height = figures()["velocity"].get_figheight() / figures()["velocity"].get_figwidth()
    assert (1 - places["velocity"].y1) * height == pytest.approx(edges["top"])
    assert places["velocity"].y0 * height == pytest.approx(edges["bottom"])


@pytest.mark.parametrize("colours", [SIGNED_MAP, matplotlib.colormaps["viridis"], matplotlib.colormaps["magma"]])
def test_scales_brighten_all_along(colours):
    """Rec. 709 luma of their colours, as a copy in grey shows them."""
    grey = colours(np.linspace(0, 1, 64))[:, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert np.all(np.diff(grey) > 0)


def test_charts_show_what_they_are_given():
    figure = line_chart(CHART, "epoch", "loss (m/s)²", levels={"noise": 2.0}, descending=True, reference=CHART[1])
    (axes,) = figure.axes
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "loss (m/s)²"
    np.testing.assert_array_equal(axes.get_lines()[1].get_ydata(), CHART[0].y)
    assert axes.get_xlim()[0] > axes.get_xlim()[1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["b", "a", "b", "noise"]
    assert error_scale(1500.0).axes[0].get_xlabel() == "predicted minus true (km/s)"
