"""Try thousands of hostile inputs, and count how they end: `python tests/fuzz/fuzz.py 2000`.

Everything happens in one process, which loads TensorFlow once, in a temporary folder that is made anew for every
attempt. An attempt is told by its seed: `python tests/fuzz/fuzz.py 1 --seed 1234` makes it again.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import functools
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The project's own folder comes first: in an editable installation `tests/tomo` would be taken for the package.
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent), str(Path(__file__).parents[1])]

import judge  # noqa: E402
import world  # noqa: E402
from attempts import attempt  # noqa: E402

MEMORY = 6 * 2**30
"""More than this, above what is in use, no attempt may ask for: it is told that there is none, and no other program."""


@dataclass
class Count:
    """How attempts ended: seed -> what was tried and what was wrong, and how many were refused or answered."""

    tried: int = 0
    refused: int = 0
    answered: int = 0
    faults: dict[int, str] = field(default_factory=dict)
    kinds: collections.Counter = field(default_factory=collections.Counter)
    slowest: tuple[float, str] = (0.0, "")
    seconds: collections.Counter = field(default_factory=collections.Counter)


class Fuzzer:
    """Attempts in copies of one world, which is made first."""

    def __init__(self, folder: Path, verbose: bool = False) -> None:
        from tomo.tensorflow import load_tensorflow

        load_tensorflow()
        _in_this_process()
        self.verbose = verbose
        self.whole, self.folder = folder / "world", folder / "attempt"
        self.whole.mkdir()
        world.build(self.whole, lambda *command: judge.run(list(command), self.whole).status)
        self.before = judge.contents(self.whole)
        self.references: dict[str, Any] = {}
        limit = Path("/proc/self/statm")
        if limit.exists():
            used = int(limit.read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))

    def try_one(self, seed: int, count: Count) -> None:
        """Make the attempt of a seed, and judge it."""
        import keras

        rng = random.Random(seed)
        self._anew()
        tried = attempt(self.folder, rng)
        if self.verbose:
            print(f"seed {seed}: {tried}", flush=True)
        reference = None if tried.answer_may_change else self._reference(tried.base, seed)
        before = judge.contents(self.folder)
        faulthandler.dump_traceback_later(3 * judge.SECONDS, exit=True)
        began = time.monotonic()
        outcome = judge.run(tried.command, self.folder)
        seconds = time.monotonic() - began
        faulthandler.cancel_dump_traceback_later()
        wrong = list(judge.faults(tried, outcome, before, self.folder, reference))
        count.tried += 1
        count.refused += outcome.status == 2
        count.answered += outcome.status == 0
        count.kinds[(tried.what or "options").split(":")[0].split(" with ")[0]] += 1
        count.seconds[tried.command[0]] += seconds
        count.slowest = max(count.slowest, (seconds, f"seed {seed}, {tried}"))
        if wrong:
            count.faults[seed] = f"{tried}\n    {'; '.join(wrong)}"
        if count.tried % 25 == 0:
            keras.backend.clear_session()  # it collects garbage, which takes longer than most attempts

    def _anew(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.whole, self.folder, symlinks=True, ignore=lambda folder, names: {"pipe"} & set(names))
        os.mkfifo(self.folder / "pipe")

    def _reference(self, command: str, seed: int) -> Any:
        """The answer of a command in the world as it was."""
        if command not in self.references:
            self._anew()
            outcome = judge.run(command.split(), self.folder)
            assert outcome.status == 0, f"{command}: {outcome}"
            self.references[command] = judge.answer_of(self.folder)
            self._anew()
            attempt(self.folder, random.Random(seed))
        return self.references[command]


def _in_this_process() -> None:
    """Make surveys and panels without processes, compile each simulator once, and refine by few iterations."""
    import dask
    import distributed  # noqa: F401 (its settings)

    import data_gen.migration.store
    import data_gen.production.generate
    import tomo.pictures
    import training.refinement
    from data_gen.inversion.invert import Stage
    from data_gen.simulator import acoustic

    def pool(job, shards, workers, progress):
        maker = job.maker()
        for shard in shards:
            maker.make(shard, lambda kind, value: progress(value) if kind == "done" else None)

    dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    data_gen.migration.store.run_pool = data_gen.production.generate.run_pool = pool
    tomo.pictures.DPI = 20
    training.refinement.ParallelGradient = functools.lru_cache(maxsize=4)(training.refinement.ParallelGradient)
    training.refinement.refine.__defaults__ = (
        (Stage(0.6, 1), Stage(None, 1)),
        *training.refinement.refine.__defaults__[1:],
    )
    acoustic.Simulator = functools.lru_cache(maxsize=8)(acoustic.Simulator)


def main() -> None:
    """Try as many as asked for, and print the counts; exit status 1 where anything was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--verbose", action="store_true", help="Name every input before it is tried.")
    options = parser.parse_args()
    count = Count()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tomo-fuzz-") as folder:
        fuzzer = Fuzzer(Path(folder), options.verbose)
        began = time.monotonic()
        for seed in range(options.seed, options.seed + options.inputs):
            if time.monotonic() - began > 60 * options.minutes:
                break
            known = len(count.faults)
            fuzzer.try_one(seed, count)
            if len(count.faults) > known:
                print(f"seed {seed}: {count.faults[seed]}", flush=True)
    kinds = ", ".join(f"{kind} {number}" for kind, number in count.kinds.most_common())
    print(f"{count.tried} inputs from seed {options.seed} in {time.monotonic() - began:.0f} s: {kinds}")
    print(f"{count.refused} refused in one line, {count.answered} answered, {len(count.faults)} wrong")
    print("seconds by command:", {name: round(seconds) for name, seconds in count.seconds.most_common()})
    print(f"the slowest took {count.slowest[0]:.1f} s: {count.slowest[1]}")
    sys.exit(bool(count.faults))


if __name__ == "__main__":
    main()
