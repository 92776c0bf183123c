"""What can go wrong that a user can mend: three kinds, whose text is the one line that the command line prints."""

from __future__ import annotations


class TomoError(Exception):
    """Any mistake or mishap with a remedy outside the program.

    `trace` tells where it came from, if that was another process.
    """

    trace: str = ""


class SettingError(TomoError, ValueError):
    """An option or argument that cannot be, alone or together with another."""


class DataError(TomoError, ValueError):
    """A file, folder or array that is missing, damaged, or not what it should be."""


class MachineError(TomoError, RuntimeError):
    """What the machine lacks or lost: a compiler, a package, room on the disk, a worker, a cluster."""


def extra(name: str) -> str:
    """How to install an extra; `tomo` on PyPI is another project."""
    return f"pip install -e '.[{name}]' in the folder of tomo's sources"
