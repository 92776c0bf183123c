"""Files that are damaged, locked, no files, or not what they should be: one line with the file's name, at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass

import h5py
import numpy as np
import pytest

from data_gen.errors import DataError
from data_gen.reading import check_folder, check_regular, open_npy, read_json, sources, typed
from data_gen.survey.reader import Survey
from data_gen.survey.specification import read_specification, shard_path, shards_there


@contextmanager
def within(seconds: float):
    """Fail what waits for ever."""
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert time.monotonic() - began < seconds


def a_group(file, name):
    del file[name]
    file.create_group(name)


def strings(file, name):
    shape = file[name].shape
    del file[name]
    file.create_dataset(name, shape, h5py.string_dtype())


def a_link_to_nowhere(file, name):
    del file[name]
    file[name] = h5py.SoftLink("/nowhere")


def a_link_to_another_file(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("nowhere.h5", "/gathers")


def another_shape(file, name):
    values = file[name][:, ..., :-1]
    del file[name]
    file[name] = values


def a_scalar(file, name):
    del file[name]
    file[name] = 1.0


def gone(file, name):
    del file[name]


@pytest.mark.parametrize("name", ["gathers", "velocity", "salt_mask"])
@pytest.mark.parametrize(
    "change", [a_group, strings, a_link_to_nowhere, a_link_to_another_file, another_shape, a_scalar, gone]
)
def test_a_shard_of_another_structure_is_named(plain_survey, tmp_path, change, name):
    folder = plain_survey(tmp_path / "survey", 17)
    with h5py.File(shard_path(folder, 1), "r+") as file:
        change(file, name)
    with pytest.raises(DataError, match=f"00001.h5 cannot be read: .*{name}"):
        Survey.open(folder)


def test_a_chunk_that_does_not_have_its_checksum_is_named(plain_survey, tmp_path):
    """HDF5 finds it when it reads the values, long after the file was opened."""
    folder = plain_survey(tmp_path / "survey", 17)
    path = shard_path(folder, 1)
    with h5py.File(path, "r+") as file:
        values = file["gathers"][()]
        del file["gathers"]
        chunked = file.create_dataset("gathers", data=values, chunks=values.shape, fletcher32=True)
        where = chunked.id.get_chunk_info(0).byte_offset + 20
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    survey = Survey.open(folder)
    with pytest.raises(DataError, match=r"00001.h5 cannot be read"):
        survey.gathers([16])
    assert survey.gathers([0]).shape[0] == 1


@pytest.mark.parametrize("length", [0, 1, 511, 512, 600, 4000])
def test_a_shard_cut_anywhere_is_named(plain_survey, tmp_path, length):
    folder = plain_survey(tmp_path / "survey", 17)
    os.truncate(shard_path(folder, 1), length)
    with pytest.raises(DataError, match=r"00001.h5 cannot be read"):
        Survey.open(folder)


@pytest.mark.parametrize("name", ["survey.json", "shards/00001.h5"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nowhere", "link to itself"])
def test_what_is_no_file_is_told_and_not_waited_for(plain_survey, tmp_path, name, kind):
    folder = plain_survey(tmp_path / "survey", 17)
    path = folder / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "link to itself" else tmp_path / "nowhere")
    with within(2.0), pytest.raises(DataError, match=name):
        Survey.open(folder)


@pytest.mark.parametrize("kind", ["pipe", "gone"])
def test_a_virtual_file_over_a_shard_that_is_none_is_told(plain_survey, tmp_path, kind):
    """HDF5 itself waits for the pipe, and gives other numbers for the missing shard."""
    folder = plain_survey(tmp_path / "survey", 17)
    shard_path(folder, 1).unlink()
    if kind == "pipe":
        os.mkfifo(shard_path(folder, 1))
    with within(2.0), pytest.raises(DataError, match=r"00001.h5 (does not exist|is a pipe)"):
        sources(folder / "survey.h5", "gathers")
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["gathers"] = h5py.ExternalLink(shard_path(folder, 1), "/gathers")
    with within(2.0), pytest.raises(DataError, match=r"00001.h5 (does not exist|is a pipe)"):
        sources(tmp_path / "linked.h5", "gathers")


def test_a_file_that_another_process_writes_to_is_said_to_be(plain_survey, tmp_path):
    folder = plain_survey(tmp_path / "survey", 17)
    hold = f"import h5py; file = h5py.File({str(shard_path(folder, 1))!r}, 'r+'); print('held', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataError, match=r"00001.h5 cannot be read: another process is writing to it"):
            Survey.open(folder)
    finally:
        holder.communicate("\n")
    Survey.open(folder)


RECORDS = {
    "models": [0, -1, 10**18, 16.5, "17", True, None, [17]],
    "train_models": [-1, 18, 2.5],
    "seed": [-1, 0.5, "0", 5],
    "dtype": ["float64", 32, None],
    "velocity_files": [None, 5, [5], [{"path": 3, "sha256": "", "spacing": 1.0}], [{}]],
    "acquisition": [None, [], {}],
    "else": [1],
}
ACQUISITIONS = {
    "spacing": [30.0, -15.0, 0, float("nan"), float("inf"), "15", None, True, 10**400],
    "depth_cells": [0, 1, -24, 24.0, "24", 10**12, True],
    "x_cells": [10**7],
    "sources": [0, -3, 3.0, 10**12],
    "receivers": [0, None],
    "samples": [0, 10**15, 40.5],
    "sample_interval": [0, -0.008, float("nan"), "0.008"],
    "source_depth": [-1.0, 1e9, float("nan")],
    "peak_frequency": [0.0, -10.0, float("inf"), []],
    "velocity_limits": [[4800.0, 1000.0], [0, 1], [1000.0], "ab", None, [float("nan"), 4800.0], [1.0, float("inf")]],
    "free_surface": [1, "no", None],
}


def changed_records():
    for name, values in RECORDS.items():
        yield from ((("specification",), name, value) for value in values)
    for name, values in ACQUISITIONS.items():
        yield from ((("specification", "acquisition"), name, value) for value in values)


@pytest.mark.parametrize(("place", "name", "value"), changed_records())
def test_a_record_with_a_value_that_cannot_be_is_named(plain_survey, tmp_path, place, name, value):
    folder = plain_survey(tmp_path / "survey", 17)
    record = json.loads((folder / "survey.json").read_text())
    inner = record
    for key in place:
        inner = inner[key]
    inner[name] = value
    (folder / "survey.json").write_text(json.dumps(record))
    with within(2.0), pytest.raises(DataError, match=r"survey.json is damaged"):
        read_specification(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "5", '"a"', "[" * 10**5, "9" * 5000, '{"format": 1}', "\ud800"]
)
def test_a_record_that_is_none_is_named(plain_survey, tmp_path, text):
    folder = plain_survey(tmp_path / "survey", 17)
    (folder / "survey.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with within(2.0), pytest.raises(DataError, match=r"survey.json"):
        read_specification(folder)


def test_shards_are_counted_by_what_is_there(plain_survey, tmp_path):
    """However many a record says: it is quick, and takes no memory."""
    folder = plain_survey(tmp_path / "survey", 17)
    record = json.loads((folder / "survey.json").read_text())
    record["specification"]["models"] = 10**8
    del record["sha256"]
    (folder / "survey.json").write_text(json.dumps(record))
    for name in ("1.h5", "00001.h5.old", "99999999999.h5", "notes.txt"):
        (folder / "shards" / name).touch()
    with within(2.0):
        assert shards_there(folder, read_specification(folder)) == {0, 1}
        with pytest.raises(DataError, match=r"lacks 6249998 of its 6250000 shards, the first is 00002.h5"):
            Survey.open(folder)


def test_arrays_that_are_empty_cut_enormous_or_objects_are_told(tmp_path):
    path = tmp_path / "array.npy"
    np.save(path, np.ones(100))
    whole = path.read_bytes()
    for content, told in (
        (b"", "it is empty"),
        (whole[:5], "cannot be read"),
        (whole[:-8], "cannot be read"),
        (whole.replace(b"(100,)", b"(10**9"), "cannot be read"),
        (whole.replace(b"(100,), ", b"(9999999999,), "), "cannot be read"),
    ):
        path.write_bytes(content)
        with within(2.0), pytest.raises(DataError, match=rf"array.npy cannot be read.*|{told}"):
            open_npy(path)
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"array.npy cannot be read"):
        open_npy(path)


def test_folders_and_names_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    for path, told in (("nowhere", "does not exist"), ("file", "is a file"), ("file/below", "does not exist")):
        with pytest.raises(DataError, match=told):
            check_folder(tmp_path / path)
    for name in ("nowhere", "file/below", "n" * 300, "a\0b", "."):
        with pytest.raises(DataError):
            check_regular(tmp_path / name)
    with pytest.raises(DataError, match="does not exist"):
        read_json(tmp_path / "nowhere.json")


@dataclass(frozen=True)
class Fields:
    """Of every plain type."""

    count: int
    length: float
    name: str = "a"
    free: bool = False
    rate: float | None = None


def test_fields_are_of_their_types():
    assert typed(Fields, {"count": 1, "length": 2}) == Fields(1, 2)
    assert typed(Fields, {"count": 1, "length": 2.5, "rate": None, "free": True}) == Fields(1, 2.5, free=True)
    for change in (
        {"count": 1.0},
        {"count": True},
        {"length": "2"},
        {"free": 1},
        {"rate": True},
        {"name": None},
        {"x": 1},
    ):
        with pytest.raises(ValueError, match=next(iter(change))):
            typed(Fields, {"count": 1, "length": 2, **change})
    with pytest.raises(ValueError, match="count"):
        typed(Fields, {"length": 2})


@dataclass(frozen=True)
class Listed:
    """Of tuples, which JSON makes lists of."""

    depth: float | tuple[float, ...]
    limits: tuple[float, float]
    rows: tuple[tuple[int, ...], ...] | None = None


def test_lists_are_the_tuples_that_they_were():
    assert typed(Listed, {"depth": [1, 2.5], "limits": [1, 2], "rows": [[0, 1], []]}) == Listed(
        (1, 2.5), (1, 2), ((0, 1), ())
    )
    assert typed(Listed, {"depth": 15.0, "limits": (1, 2), "rows": None}) == Listed(15.0, (1, 2))
    for change in (
        {"depth": None},
        {"depth": "15"},
        {"depth": [1, True]},
        {"depth": [float("nan")]},
        {"limits": [1]},
        {"limits": [1, 2, 3]},
        {"limits": 1},
        {"rows": [1]},
        {"rows": [[0.5]]},
        {"rows": {"0": [1]}},
    ):
        with pytest.raises(ValueError, match=next(iter(change))):
            typed(Listed, {"depth": 1.0, "limits": [1, 2], **change})
