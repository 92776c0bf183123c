"""Public models are known by their content, wherever they lie and whatever they are called."""

from hashlib import sha256

import numpy as np
import pytest

from data_gen.acquisition import Acquisition
from data_gen.errors import DataError, SettingError
from data_gen.grid import Grid
from data_gen.velocity.files import VelocityWindows, register, register_all
from data_gen.velocity.public_models import PUBLIC_MODELS, PublicModel


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two models, of which one has been published, and a note."""
    rng = np.random.default_rng(0)
    for name in ("published", "own"):
        np.save(tmp_path / f"{name}.npy", rng.uniform(1500, 4000, (80, 120)).astype(np.float32))
    (tmp_path / "README.md").write_text("a note")
    digest = sha256((tmp_path / "published.npy").read_bytes()).hexdigest()
    monkeypatch.setitem(PUBLIC_MODELS, digest, PublicModel("ours", 20.0, "this test"))
    return tmp_path


def test_a_folder_gives_its_public_models_at_their_own_spacing(folder):
    (entry,) = register_all([folder], None)
    assert entry.path.endswith("published.npy")
    assert entry.spacing == 20.0
    acquisition = Acquisition(Grid(48, 48, 15.0), sources=3, receivers=9, samples=40, sample_interval=0.008)
    velocity, where = VelocityWindows((entry,), acquisition).cut(np.random.default_rng(1), 0, 4)
    assert velocity.shape == (48, 48)
    assert where["file"] == "published.npy"


def test_files_and_folders_may_be_mixed_and_a_given_spacing_holds(folder):
    entries = register_all([folder / "own.npy", folder], 15.0)
    assert [entry.spacing for entry in entries] == [15.0, 15.0]


def test_an_unknown_file_needs_a_spacing_and_an_unknown_folder_is_refused(folder):
    with pytest.raises(SettingError, match="--spacing"):
        register(folder / "own.npy", None)
    (folder / "published.npy").unlink()
    with pytest.raises(DataError, match="none of the public"):
        register_all([folder], None)


def windows_of(folder, widths, count, spacing=15.0):
    """Where `count` windows were cut from models of these widths: (number of the file, left edge in m) each."""
    paths = [folder / f"{number}.npy" for number in range(len(widths))]
    for path, width in zip(paths, widths, strict=True):
        np.save(path, np.full((60, width), 2000.0, np.float32))
    grid = Acquisition(Grid(48, 48, 15.0), sources=3, receivers=9, samples=40, sample_interval=0.008)
    windows = VelocityWindows(register_all(paths, spacing), grid)
    cut = [windows.cut(np.random.default_rng([0, i]), i, count)[1] for i in range(count)]
    return [(int(where["file"][0]), where["x"]) for where in cut]


def test_models_have_their_share_of_the_windows_by_width_spread_over_it(tmp_path):
    cut = windows_of(tmp_path, (148, 444, 148), 100)
    assert [sum(number == n for number, _ in cut) for n in range(3)] == pytest.approx([20, 60, 20], abs=1)
    left = np.sort([x for number, x in cut if number == 1])
    assert left[0] < 200
    assert left[-1] > (444 - 48) * 15.0 - 200
    # Each window lies somewhere in a stretch of its own: at most two stretches of a sixtieth lie between neighbours.
    assert np.diff(left).max() <= 2 * (444 - 48) * 15.0 / 60 + 15.0
    # A split by index has both halves of every model.
    assert {number for number, _ in cut[:50]} == {number for number, _ in cut[50:]} == {0, 1, 2}


def test_as_many_windows_as_models_of_one_width_are_one_of_each(tmp_path):
    assert sorted(number for number, _ in windows_of(tmp_path, (60,) * 7, 7)) == list(range(7))


def test_the_table_holds_whole_digests_and_sources():
    for digest, model in PUBLIC_MODELS.items():
        assert len(digest) == 64
        assert model.spacing > 0
        assert model.source
