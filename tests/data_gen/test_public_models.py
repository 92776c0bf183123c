"""Public models are known by their content, wherever they lie and whatever they are called."""

from hashlib import sha256

import numpy as np
import pytest

from data_gen import velocity_files
from data_gen.acquisition import Acquisition
from data_gen.public_models import PUBLIC_MODELS, PublicModel
from data_gen.specification import SurveyError
from data_gen.velocity_files import VelocityWindows, register, register_all


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two models, of which one has been published, and a note."""
    rng = np.random.default_rng(0)
    for name in ("published", "own"):
        np.save(tmp_path / f"{name}.npy", rng.uniform(1500, 4000, (80, 120)).astype(np.float32))
    (tmp_path / "README.md").write_text("a note")
    digest = sha256((tmp_path / "published.npy").read_bytes()).hexdigest()
    monkeypatch.setitem(velocity_files.PUBLIC_MODELS, digest, PublicModel("ours", 20.0, "this test"))
    return tmp_path


def test_a_folder_gives_its_public_models_at_their_own_spacing(folder):
    (entry,) = register_all([folder], None)
    assert entry.path.endswith("published.npy")
    assert entry.spacing == 20.0
    acquisition = Acquisition(48, 48, 15.0, sources=3, receivers=9, samples=40, sample_interval=0.008)
    velocity, where = VelocityWindows((entry,), acquisition).cut(np.random.default_rng(1), 0, 4)
    assert velocity.shape == (48, 48)
    assert where["file"] == "published.npy"


def test_files_and_folders_may_be_mixed_and_a_given_spacing_holds(folder):
    entries = register_all([folder / "own.npy", folder], 15.0)
    assert [entry.spacing for entry in entries] == [15.0, 15.0]


def test_an_unknown_file_needs_a_spacing_and_an_unknown_folder_is_refused(folder):
    with pytest.raises(SurveyError, match="--spacing"):
        register(folder / "own.npy", None)
    (folder / "published.npy").unlink()
    with pytest.raises(SurveyError, match="none of the public"):
        register_all([folder], None)


def test_the_table_holds_whole_digests_and_sources():
    for digest, model in PUBLIC_MODELS.items():
        assert len(digest) == 64
        assert model.spacing > 0
        assert model.source
