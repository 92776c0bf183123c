"""Figures as SVG for a page: text and lines are light on a dark page and dark on a light one; images stay."""

from __future__ import annotations

import io
import re

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

INK = "#010203"
"""What stands for the colour of the page's text until the SVG is written."""

BLUE, BLUE_ON_DARK = "#0072b2", "#3d9be0"
"""The first run's colour, which is too dark for a dark page, and what it is there."""

_SCHEME = (
    f"<style>svg{{color:#1b1e22;--blue:{BLUE}}}"
    f"@media screen and (prefers-color-scheme:dark){{svg{{color:#e4e7ea;--blue:{BLUE_ON_DARK}}}}}</style>"
)


def scheme_svg(figure: Figure) -> str:
    """A figure as an SVG document without background, whose text, axes and black lines follow the colour scheme.

    Outlines over images stay black. Images are embedded with their own pixels, not resampled. The document needs no
    font and refers to nothing outside.
    """
    for text in figure.findobj(Text):
        text.set_color(INK)  # type: ignore[attr-defined]
    for line in figure.findobj(Line2D):
        if line.get_color() in ("black", "k", "#000000"):  # type: ignore[attr-defined]
            line.set_color(INK)  # type: ignore[attr-defined]
    for axes in figure.axes:
        axes.tick_params(which="both", color=INK, labelcolor=INK)
        axes.patch.set_alpha(0.0)
        for spine in axes.spines.values():
            spine.set_edgecolor(INK)
        for image in axes.images:
            image.set_interpolation("none")
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    document = file.getvalue()
    document = document[document.index("<svg") :]
    document = re.sub(r"<metadata>.*?</metadata>", "", document, flags=re.DOTALL)
    document = re.sub(r">\s+<", "><", document)
    head = document.index(">") + 1
    return document[:head] + _SCHEME + document[head:].replace(INK, "currentColor").replace(BLUE, "var(--blue)")
