"""Files are written whole or not at all, and nothing of anybody else's is replaced."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from data_gen.errors import DataError, MachineError
from data_gen.files import whole_file, write_json, write_text
from data_gen.reading import earlier_results


def test_a_pipe_a_device_or_a_folder_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "dangling").symlink_to("nowhere")
    before = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}
    for name in before:
        with pytest.raises(DataError, match=f"{name} is"):
            write_text(tmp_path / name, "mine")
    assert {path.name: path.lstat().st_mode for path in tmp_path.iterdir()} == before
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def fail(path, error):
    with whole_file(path) as temporary:
        temporary.write_text("half")
        raise error


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError):
        fail(path, ZeroDivisionError())
    with pytest.raises(MachineError, match=r"file\.txt cannot be written: No space"):
        fail(path, OSError(errno.ENOSPC, "No space left on device"))
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_results_are_continued_and_those_of_others_kept(tmp_path):
    path = tmp_path / "results.json"
    assert earlier_results(path, "rows") == {}
    write_json(path, {"rows": [1]})
    assert earlier_results(path, "rows", "machine") == {"rows": [1]}
    for content in ('{"rows": [1], "mine": 2}', "[1]", "dear", ""):
        path.write_text(content)
        with pytest.raises(DataError, match=r"results\.json"):
            earlier_results(path, "rows", "machine")
        assert path.read_text() == content
