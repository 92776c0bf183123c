"""Hostile inputs end in one line or in a sound answer: some at every change, thousands with `-m slow`.

`python tests/fuzz/fuzz.py 2000` prints the counts; each input is told, and made again, by its seed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzz.py")


def fuzz(inputs: int, seed: int) -> tuple[str, str]:
    """A process of its own: it replaces parts of tomo, and limits its memory."""
    done = subprocess.run(
        [sys.executable, PROGRAM, str(inputs), "--seed", str(seed)], capture_output=True, text=True, check=False
    )
    return done.stdout, done.stderr[-3000:]


def check(inputs: int, seed: int) -> None:
    said, mishaps = fuzz(inputs, seed)
    found = re.search(r"^(\d+) refused in one line, (\d+) answered, (\d+) wrong$", said, re.MULTILINE)
    assert found, said[-3000:] + mishaps
    refused, answered, wrong = map(int, found.groups())
    assert wrong == 0, said[-3000:]
    assert refused > inputs / 2  # most are bad
    assert answered > 0
    assert refused + answered >= 0.95 * inputs


def test_hostile_inputs():
    check(120, seed=0)


@pytest.mark.slow
def test_two_thousand_hostile_inputs():
    check(2000, seed=10_000)
