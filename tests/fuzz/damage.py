"""How files are damaged: bytes, JSON values, HDF5 structure, arrays, archives, and things that are no files."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**18, -(10**18), 10**400, 0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"),
    "", " ", "1", "nan", "null", "\u00e9\u00b2", "x" * 5000, "\x00", "../..", "[bold]", [], [None], {}, {"a": 1},
    [[[[]]]], list(range(100)),
)  # fmt: skip


def bytes_of(path: Path, rng: random.Random) -> str:
    """Cut, flip, overwrite, insert or replace bytes of a file."""
    content = bytearray(path.read_bytes())
    kind = rng.choice(["cut", "flip", "flip", "zeros", "insert", "append", "empty", "noise", "text", "head"])
    place = rng.randrange(len(content)) if content else 0
    if kind == "cut":
        del content[place:]
    elif kind == "flip":
        for _ in range(rng.choice([1, 1, 8])):
            if content:
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "zeros":
        length = min(rng.choice([1, 64, 4096]), len(content) - place)
        content[place : place + length] = bytes(length)
    elif kind == "insert":
        content[place:place] = rng.randbytes(rng.choice([1, 8, 512]))
    elif kind == "append":
        content += rng.randbytes(rng.choice([1, 512]))
    elif kind == "empty":
        content.clear()
    elif kind == "noise":
        content[:] = rng.randbytes(1000)
    elif kind == "text":
        content[:] = "dear Sir,\n\ufeff\u00b2 1e999 {[".encode(rng.choice(["utf-8", "utf-16", "utf-32"]))
    else:
        content[:16] = bytes(min(16, len(content)))
    path.write_bytes(content)
    return f"bytes: {kind}"


def no_file(path: Path, rng: random.Random) -> str:
    """Put something else where a file was."""
    kind = rng.choice(["gone", "pipe", "folder", "dangling", "loop", "device"])
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "gone":
        path.symlink_to({"dangling": "nowhere", "loop": path.name, "device": "/dev/zero"}[kind])
    return f"no file: {kind}"


def json_of(path: Path, rng: random.Random) -> str:
    """Change, remove or add a value somewhere in a JSON file."""
    value = json.loads(path.read_text())
    said = json_value(value, rng)
    path.write_text(json.dumps(value))
    return said


def json_value(value: Any, rng: random.Random) -> str:
    """Change one value somewhere below a list or dictionary, in place."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(min(len(value), 50)))
        if not keys:
            return "json: nothing"
        key = rng.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.8:
            value = value[key]
            continue
        kind = rng.choice(["replace", "replace", "replace", "remove", "add", "scale"])
        if kind == "remove":
            del value[key]
        elif kind == "add" and isinstance(value, dict):
            value[rng.choice(["new", "", key + "s"])] = rng.choice(HOSTILE)
        elif kind == "scale" and isinstance(value[key], int | float):
            value[key] *= rng.choice([-1, 2, 1000, 0.5])
        else:
            value[key] = rng.choice(HOSTILE)
        return f"json: {kind} {key}"


def hdf5_of(path: Path, rng: random.Random) -> str:
    """Change the structure, or the values, of a data set of an HDF5 file."""
    with h5py.File(path, "r+") as file:
        name = rng.choice(sorted(file))
        kind = rng.choice(sorted(CHANGES))
        with contextlib.suppress(TypeError, ValueError, KeyError, OSError):  # not every change goes with every type
            CHANGES[kind](file, name, rng)
    return f"hdf5: {kind} {name}"


def _replaced(make: Callable[[np.ndarray], Any]) -> Callable[[h5py.File, str, random.Random], None]:
    def change(file: h5py.File, name: str, rng: random.Random) -> None:
        values = file[name][()]
        del file[name]
        file[name] = make(np.asarray(values))

    return change


def _linked(link: Any) -> Callable[[h5py.File, str, random.Random], None]:
    def change(file: h5py.File, name: str, rng: random.Random) -> None:
        del file[name]
        if link is not None:
            file[name] = link

    return change


def _group(file: h5py.File, name: str, rng: random.Random) -> None:
    del file[name]
    file.create_group(name)


def _enormous(file: h5py.File, name: str, rng: random.Random) -> None:
    """A data set that says it has 10^15 models, and holds none."""
    shape = (10**15, *file[name].shape[1:]) if file[name].shape else (10**15,)
    del file[name]
    file.create_dataset(name, shape, "f4", chunks=(1, *shape[1:]))


def _checksum(file: h5py.File, name: str, rng: random.Random) -> None:
    """A chunk whose bytes do not have the checksum that is kept with them."""
    values = np.atleast_1d(file[name][()])
    del file[name]
    data = file.create_dataset(name, data=values, chunks=values.shape, fletcher32=values.dtype.kind != "O")
    file.flush()
    where = file.userblock_size + data.id.get_chunk_info(0).byte_offset if values.size else 0
    with open(file.filename, "r+b") as raw:
        raw.seek(where)
        byte = raw.read(1)
        raw.seek(where)
        raw.write(bytes(255 ^ value for value in byte))


def _with(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        if values.dtype.kind not in "fiu":
            return values[..., :0] if values.ndim else values
        values = values.astype(np.float64 if values.dtype.kind == "f" else values.dtype)
        with np.errstate(invalid="ignore"):
            values.reshape(-1)[: 1 + values.size // 3] = np.array(value).astype(values.dtype)
        return values

    return change


CHANGES: dict[str, Callable[[h5py.File, str, random.Random], None]] = {
    "gone": _linked(None),
    "soft link": _linked(h5py.SoftLink("/nowhere")),
    "link to itself": _linked(h5py.SoftLink("/gathers")),
    "external link": _linked(h5py.ExternalLink("nowhere.h5", "/x")),
    "group": _group,
    "enormous": _enormous,
    "checksum": _checksum,
    "strings": _replaced(lambda values: np.full(values.shape, b"1.5", "S3")),
    "complex": _replaced(lambda values: np.zeros(values.shape, complex)),
    "no values": _replaced(lambda values: h5py.Empty("f4")),
    "scalar": _replaced(lambda values: 1.0),
    "no models": _replaced(lambda values: values[:0] if values.ndim else values),
    "transposed": _replaced(lambda values: values.T),
    "one axis more": _replaced(lambda values: values[None]),
    "one shorter": _replaced(lambda values: values[..., :-1] if values.ndim else values),
    "compound": _replaced(lambda values: np.zeros(values.shape, [("a", "f4"), ("b", "i4")])),
    "nan": _replaced(_with(np.nan)),
    "inf": _replaced(_with(np.inf)),
    "negative": _replaced(_with(-1.0)),
    "huge": _replaced(_with(1e30)),
    "silent": _replaced(lambda values: np.zeros_like(values)),
}


def npy_of(path: Path, rng: random.Random) -> str:
    """Change an array in a .npy file."""
    values = np.load(path)
    kind = rng.choice(sorted(ARRAYS))
    np.save(path, ARRAYS[kind](values), allow_pickle=True)
    return f"npy: {kind}"


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "objects": lambda values: values.astype(object),
    "strings": lambda values: np.full(values.shape, "1.5"),
    "complex": lambda values: values.astype(complex),
    "truth": lambda values: values > 0,
    "none": lambda values: values[:0],
    "scalar": lambda values: np.float32(1.0),
    "flat": lambda values: values.ravel(),
    "transposed": lambda values: values.T,
    "dates": lambda values: values.astype(np.int64).astype("M8[s]"),
    "nan": _with(np.nan),
    "inf": _with(np.inf),
    "negative": _with(-1.0),
    "huge": _with(1e30),
    "silent": lambda values: np.zeros_like(values),
    "records": lambda values: np.zeros(values.shape, [("a", "f4")]),
}


def archive_of(path: Path, rng: random.Random) -> str:
    """Change, damage or remove a member of a ZIP archive: a `.keras` file, or a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    kind = rng.choice(["remove", "empty", "cut", "json", "json", "swap"])
    if kind == "json" and name.endswith(".json"):
        value = json.loads(members[name])
        said = json_value(value, rng)
        members[name] = json.dumps(value).encode()
    else:
        said = kind if kind != "json" else "cut"
        other = members[rng.choice(sorted(members))]
        members[name] = {"empty": b"", "swap": other}.get(kind, members[name][: len(members[name]) // 2])
        if kind == "remove":
            del members[name]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    path.write_bytes(made.getvalue())
    return f"archive: {said} {name}"


def csv_of(path: Path, rng: random.Random) -> str:
    """Change a cell of a table."""
    rows = [row.split(",") for row in path.read_text().splitlines()]
    row = rng.choice(rows)
    row[rng.randrange(len(row))] = rng.choice(["", "nan", "-1", "x", '"', "1,2", "\x00", "1e999"])
    path.write_text("\n".join(",".join(row) for row in rows))
    return "csv"


def swapped(path: Path, others: list[Path], rng: random.Random) -> str:
    """Another file of the world in place of this one."""
    other = rng.choice(others)
    shutil.copyfile(other, path) if other.resolve() != path.resolve() else path.write_bytes(b"")
    return f"swapped with {other.name}"


STRUCTURED = {
    ".json": json_of, ".h5": hdf5_of, ".npy": npy_of, ".keras": archive_of, ".npz": archive_of, ".csv": csv_of,
}  # fmt: skip
