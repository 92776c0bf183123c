"""From content to one HTML file that needs nothing else: pictures, styles and script are in it."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from data_gen.errors import DataError
from data_gen.files import write_text
from figures.report.frames import frame_edges
from tomo.report.content import Report

GENERATOR = "tomo report"
"""What a page says it was made by, by which one is told that may be written anew."""

SAFE = "/:;,=+()'!*?@&$ -_.~"
"""Characters that stand for themselves in a picture's address."""


def render(report: Report) -> str:
    """The page as HTML: names and texts are escaped, pictures embedded."""
    return _template().render(report=report, generator=GENERATOR, edges=frame_edges())


def write_page(report: Report, path: Path) -> None:
    """Write the page, whole or not at all; raises MachineError where it cannot be written."""
    write_text(path, render(report))


def check_replaceable(path: Path) -> None:
    """Raise DataError where something other than an earlier report has the name."""
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            ours = f'content="{GENERATOR}"'.encode() in file.read(1000)
    except OSError:
        ours = False
    if not ours:
        raise DataError(f"{path} already exists and is no report of tomo's: choose another folder for --output")


def address(svg: str) -> Markup:
    """An SVG document as an address that holds it."""
    return Markup("data:image/svg+xml,") + quote(svg, safe=SAFE).replace("&", "%26").replace("'", "%27")


def size(svg: str) -> tuple[int, int]:
    """Width and height of an SVG document [CSS pixels]."""
    found = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    assert found is not None, "matplotlib says how large its SVG is"
    width, height = (round(float(each) * 96 / 72) for each in found.groups())
    return width, height


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("tomo.report", "template"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"address": address, "size": size}
    return environment.get_template("report.html")
