"""The commands that the fuzzer damages a file of."""

from __future__ import annotations

TRAIN = "--batch-size 8 --epochs 1 --precision float32"
GENERATE = ["--preset", "demo", "--models", "2", "--output", "new", "--velocity-models"]
FROM = " ".join(["generate", *GENERATE])
LINE = "--models 1 --output new --acquisition"
READERS = {
    "info survey": ["survey/survey.json", "survey/shards/00001.h5"],
    "info survey --verify": ["survey/survey.json", "survey/shards/00002.h5", "survey/panels/*/00001.h5"],
    "info half --verify": ["half/survey.json", "half/shards/00000.h5"],
    "gallery survey --models 2 --output new/page.png": ["survey/survey.json", "survey/shards/00000.h5"],
    f"train survey --network cnn {TRAIN} --output new": ["survey/survey.json", "survey/shards/00001.h5"],
    f"train survey --network unet --views 1 {TRAIN} --output new": [
        "survey/shards/00001.h5", "survey/panels/*/00001.h5", "survey/panels/*/references.h5",
    ],
    "train survey --network cnn --batch-size 8 --epochs 2 --output begun": [
        "begun/checkpoint.npz", "begun/checkpoint.npz", "begun/config.json", "begun/history.csv", "survey/survey.json",
    ],
    "evaluate cnn --output new": [
        "cnn/config.json", "cnn/trained_on.json", "cnn/history.csv", "cnn/model.keras", "survey/survey.json",
        "survey/shards/00001.h5", "survey/shards/00002.h5",
    ],
    "evaluate unet --survey half --output new": [
        "unet/config.json", "unet/model.keras", "half/survey.json", "half/shards/00000.h5", "survey/panels/*/00002.h5",
    ],
    "predict cnn gathers.npy --output new.h5": ["gathers.npy", "cnn/model.keras", "cnn/config.json"],
    "predict cnn gathers.h5 --output new.h5": ["gathers.h5", "gathers.h5", "gathers.h5"],
    "predict network.keras gathers.npy --output new.h5": ["network.keras", "network.keras"],
    "predict unet half/survey.h5 --output new.h5": ["half/survey.h5", "half/shards/00000.h5", "unet/model.keras"],
    "publish cnn new.keras": ["cnn/model.keras", "cnn/config.json"],
    "predict cnn gathers.sgy --output new.h5": ["gathers.sgy", "gathers.sgy"],
    "predict cnn gathers.nc --output new.sgy": ["gathers.nc"],
    "predict unet gathers.sgy --output new.h5": ["gathers.sgy", "gathers.sgy"],
    "predict unet gathers.nc --output new.h5": ["gathers.nc", "gathers.nc"],
    "predict unet gathers.zarr --output new.nc": ["gathers.zarr"],
    "predict ensemble gathers.npy --output new.h5": [
        "ensemble/ensemble.json", "ensemble/ensemble.json", "ensemble/member-1/model.keras", "gathers.npy",
    ],
    "refine ensemble --models 1 --output new.h5": [
        "ensemble/ensemble.json", "ensemble/member-0/config.json", "survey/shards/00001.h5", "survey/survey.json",
    ],
    "refine cnn gathers.sgy --models 1 --output new.nc": ["gathers.sgy"],
    "export half --format netcdf --output new.nc": ["half/shards/00000.h5", "half/survey.json"],
    "export half --format segy --models 2 --output new": ["half/shards/00000.h5", "half/survey.json"],
    "export half --format zarr --output new.zarr": ["half/shards/00000.h5"],
    f"train survey --from cnn {TRAIN} --output new": [
        "cnn/model.keras", "cnn/config.json", "cnn/trained_on.json", "survey/survey.json",
    ],
    "acquisition --acquisition spread.toml": ["spread.toml", "spread.toml", "spread.toml"],
    f"generate {LINE} line.toml": ["line.toml", "line.toml"],
    f"generate {LINE} spread.toml": ["spread.toml"],
    "generate --models 6 --acquisition line.toml --dtype float16 --seed 7 --output half": [
        "half/survey.json", "half/survey.json", "half/shards/00000.h5", "line.toml",
    ],
    f"{FROM} velocity.npy --spacing 15": ["velocity.npy"],
    f"{FROM} velocity.npy --spacing 15,12 --axes depth,x": ["velocity.npy"],
    f"{FROM} openfwi.npy --spacing 15": ["openfwi.npy"],
    f"{FROM} velocity.h5": ["velocity.h5"],
    f"{FROM} velocity.nc": ["velocity.nc", "velocity.nc"],
    f"{FROM} velocity.sgy": ["velocity.sgy", "velocity.sgy"],
    f"{FROM} velocity.mat --spacing 15": ["velocity.mat"],
    f"{FROM} v73.mat --spacing 15": ["v73.mat", "v73.mat"],
}  # fmt: skip
"""Command -> the files that it reads, of which one is damaged."""

ANSWER_MAY_CHANGE = (
    "gathers.", "velocity.", "openfwi.", "v73.", "half/survey.h5", ".keras", ".toml", "ensemble.json",
)  # fmt: skip
"""Files without checksums, or with more in them than the answer depends on: another answer is no mistake."""
