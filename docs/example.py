"""Do what `example.md` says, word by word, and bring its pictures and quotations up to date.

    python docs/example.py FOLDER

Runs the page's commands, one after the other, in a new FOLDER. What they draw goes, made small, to `docs/pictures`, and
what they print to `docs/results/example.json` and to where the page quotes it.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).parent
PAGE, RESULTS = DOCS / "example.md", DOCS / "results" / "example.json"

PICTURES = {
    "gallery.png": ("example-gallery.png", 800, 128),
    "unet/evaluation/predictions.png": ("example-predictions.png", 800, 160),
    "unet/evaluation/physics-unet.png": ("example-physics.png", 700, 48),
    "refined.png": ("example-refined.png", 800, 160),
}
"""What the commands draw -> what the page shows, its width, and how many colours it keeps."""

QUOTED = re.compile(r"^( {4}(tomo [^\n]*)\n\n```text\n)(.*?)(```)", re.M | re.S)
"""A command and what it prints."""


def run(folder: Path) -> list[dict[str, Any]]:
    """The page's commands, done in a new folder, with the seconds they took and the lines they printed."""
    folder.mkdir(parents=True)
    done = []
    for command in re.findall(r"^ {4}(tomo .*)$", PAGE.read_text(encoding="utf-8"), re.M):
        print(f"$ {command}", flush=True)
        begun = time.monotonic()
        program = [sys.executable, "-c", "from tomo.cli import main; main()", *shlex.split(command)[1:]]
        printed = subprocess.run(program, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
        print(printed, flush=True)
        lines = [line.rstrip() for line in printed.splitlines()]
        done.append({"command": command, "seconds": round(time.monotonic() - begun, 1), "printed": lines})
    return done


def record(folder: Path, done: list[dict[str, Any]]) -> None:
    """Write what was printed, beside the scores and the machine."""
    scores = json.loads((folder / "unet" / "evaluation" / "scores.json").read_text(encoding="utf-8"))
    kept = {"machine": scores["machine"], "surveys": scores["surveys"], "commands": done}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    printed = {each["command"]: "".join(f"{line}\n" for line in each["printed"]) for each in done}
    page = PAGE.read_text(encoding="utf-8")
    page = QUOTED.sub(lambda found: found[1] + printed[found[2]].strip("\n") + "\n" + found[4], page)
    PAGE.write_text(page, encoding="utf-8")


def draw(folder: Path) -> None:
    """Make the pictures small."""
    for drawn, (shown, width, colours) in PICTURES.items():
        with Image.open(folder / drawn) as picture:
            size = (width, round(picture.height * width / picture.width))
            small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        small.quantize(colours, dither=Image.Dither.NONE).save(DOCS / "pictures" / shown, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    if folder.exists():
        sys.exit(f"{folder} already exists: name a folder that is to be made")
    try:
        record(folder, run(folder))
    except subprocess.CalledProcessError as error:  # the command has said what is wrong
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(f"stopped; remove {folder}, and begin again")
    draw(folder)
