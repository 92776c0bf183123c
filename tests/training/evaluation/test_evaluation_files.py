"""The folder of an evaluation: made, or an earlier evaluation's, and never one with somebody else's pictures."""

from __future__ import annotations

import pytest

from data_gen.errors import DataError, MachineError
from training.evaluation.files import claim_folder


def test_an_earlier_evaluation_is_overwritten_and_nothing_else(tmp_path):
    claim_folder(tmp_path / "new" / "scores")
    (tmp_path / "new" / "scores" / "notes.txt").write_text("mine")
    claim_folder(tmp_path / "new" / "scores")
    for name in ("gathers.png", "samples.csv", "scores.md"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(DataError, match=f"holds {name}, and no evaluation"):
            claim_folder(folder)
        (folder / "scores.json").write_text("{}")
        claim_folder(folder)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MachineError, match="cannot be made"):
        claim_folder(tmp_path / "file")
