"""How a simulator is compiled: in a folder of this process's own, and with one line where it cannot be."""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr

from data_gen.errors import MachineError
from data_gen.simulator import require_compiler


@contextmanager
def private_compilation() -> Iterator[None]:
    """Let Devito compile in a folder of this process's own; raises MachineError, with what the compiler said, where it
    cannot.

    Its cache in the system's temporary folder is guarded by a lock file that a killed process leaves
    behind, and the next one waits for without end.
    """
    require_compiler()
    before = tempfile.tempdir
    with _kept_errors() as printed:
        try:
            with tempfile.TemporaryDirectory(prefix="tomo-") as tempfile.tempdir:
                yield
        except Exception as error:  # of the system, of the compiler, or of the tools between
            errors = re.findall(r"error: (.+)", printed())
            said = (errors or str(error).strip().splitlines() or [type(error).__name__])[0]
            raise MachineError(f"the simulator cannot be compiled in the temporary folder: {said}") from error
        finally:
            tempfile.tempdir = before


@contextmanager
def _kept_errors() -> Iterator[Callable[[], str]]:
    """Keep what this process and its children print as errors, in memory: pages, where a compilation fails.

    Of all threads; nothing is kept where there is no place for errors.
    """
    try:
        before = os.dup(2)
    except OSError:
        yield lambda: ""
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.memfd_create("errors")
    os.dup2(kept, 2)
    try:
        with redirect_stderr(io.StringIO()):
            yield lambda: os.pread(kept, 1 << 16, 0).decode("utf-8", "replace")
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(kept)
