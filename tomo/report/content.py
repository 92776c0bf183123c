"""What a report consists of, whatever it is about: sections of tables, charts, and cases with rows of pictures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """An SVG document with a title over it, a caption below, and in words what it shows."""

    title: str
    svg: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class PictureRow:
    """Pictures on one `scale`; those of a row that is `compared` lie over each other at the reader's will, with a
    picture `beside`."""

    title: str
    pictures: tuple[Picture, ...]
    scale: Picture | None = None
    compared: bool = False
    beside: Picture | None = None


@dataclass(frozen=True)
class Case:
    """One model: its name, what is said of it, and rows of pictures."""

    name: str
    text: str
    rows: tuple[PictureRow, ...]


@dataclass(frozen=True)
class Cell:
    """What a table shows at a place; `value` is the number behind it, if it is one."""

    text: str
    value: float | None = None
    best: bool = False
    different: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows; one that is `folded` shows when it is asked for.

    `numeric` is one of numbers, which stand under each other.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: bool = False
    numeric: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page, with its name in links to it."""

    anchor: str
    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    charts: tuple[Picture, ...] = ()
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A number that the page begins with, what it is, and what it is to be compared with."""

    number: str
    what: str
    beside: str = ""


@dataclass(frozen=True)
class Report:
    """A page."""

    title: str
    lead: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    made_by: str
