"""How commands end: well, or with one line on standard error and a status, whatever stops them.

0    done
1    nobody reads standard output any more
2    a mistake of the user's, or something that the machine lacks
70   a fault of tomo's own
130  Ctrl-C; 143 and 129: SIGTERM and SIGHUP
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import typer

from data_gen.errors import TomoError
from tomo.console import remark, verbosity

MISTAKE, FAULT = 2, 70

USAGE: Any = typer.BadParameter.__bases__[0]
"""What is raised for options that are none, or have values that cannot be."""

LONGEST = 600
"""Of the line, in characters: it may quote what the user typed, or a library said."""


AGAIN = 2.0
"""Seconds until a signal is sent once more, and so on, as long as the command goes on.

Libraries catch whatever is raised in some of their lines, and Python itself in destructors and callbacks: a signal that
happens to arrive there would be lost.
"""

_asked: list[int] = []
"""The signals that have asked to end, while `stopped_by_signals` is in force."""
_reminders: list[int] = []
"""Those of them that were sent again, until they have arrived."""
_left, _sending = threading.Event(), threading.Lock()


def _stop(number: int, frame: Any) -> None:
    reminded = bool(_reminders)
    _reminders.clear()
    if reminded and sys.exc_info()[0] is not None:  # what the signal raised is being seen to
        return
    if not _asked:
        with contextlib.suppress(RuntimeError):  # there can be no more threads: once must do
            threading.Thread(target=_remind, args=(number,), daemon=True).start()
    _asked.append(number)
    raise KeyboardInterrupt


def _remind(number: int) -> None:
    """Send a signal to the main thread, which may be waiting, again and again until `stopped_by_signals` is left."""
    while not _left.wait(AGAIN):
        with _sending:
            if not _left.is_set():
                _reminders.append(number)
                signal.pthread_kill(threading.main_thread().ident or 0, number)


def interruptible(command: Callable[..., None], *, continued: bool) -> Callable[..., None]:
    """The command, which says on Ctrl-C, SIGTERM and SIGHUP how to go on, and ends with their status.

    One that is `continued` goes on from there when it is typed again; others begin again. A library may make another
    error of what the signal raised in it, and a worker that had the same signal is an error, too.
    """

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except (KeyboardInterrupt, Exception) as error:
            if not (_asked or isinstance(error, KeyboardInterrupt)):
                raise
            output = options.get("output")
            goes_on = f"continues {output}" if output else "continues it"
            remark(f"stopped; the same command {goes_on if continued else 'begins again; no file is half written'}")
            raise typer.Exit(128 + (_asked[0] if _asked else signal.SIGINT)) from None

    return run


def run_to_its_end(app: Callable[..., Any]) -> None:
    """Run the command line; what it cannot do is one line on standard error, and an exit status."""
    _open_streams()
    with stopped_by_signals():
        _run(app)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Signals that ask to end are as Ctrl-C, unless whoever began this ignores them, as nohup does."""
    usual = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ours = {each: how for each, how in usual.items() if how in (signal.SIG_DFL, signal.default_int_handler)}
    _left.clear()
    for each in ours:
        signal.signal(each, _stop)
    try:
        yield
    finally:
        with _sending:
            _left.set()
        for each, how in ours.items():
            signal.signal(each, how)
        _reminders.clear()
        _asked.clear()


def _run(app: Callable[..., Any]) -> None:
    try:
        status = app(standalone_mode=False, prog_name="tomo")
        sys.stdout.flush()
        sys.exit(status or 0)
    except USAGE as error:
        if type(error).__name__ != "NoArgsIsHelpError":  # the help has been shown
            context = getattr(error, "ctx", None)
            _end(error.format_message() + (f" ({context.command_path} --help)" if context else ""))
        sys.exit(MISTAKE)
    except TomoError as error:
        _end(str(error), error.trace)
    except BrokenPipeError:  # whoever read the output has seen enough
        _close_output()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + (_asked[0] if _asked else signal.SIGINT))
    except MemoryError:
        _end("there is not enough memory")
    except OSError as error:
        said = error.strerror or str(error) or type(error).__name__
        _end(f"{error.filename}: {said}" if error.filename else said)
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        _end(f"a fault of tomo's own, {type(error).__name__}: {said} (tomo --verbose shows where)", status=FAULT)


def _end(line: str, trace: str = "", status: int = MISTAKE) -> NoReturn:
    if verbosity.verbose:
        import traceback

        traceback.print_exc()
        print(trace, file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _close_output()  # Python would complain once more when it closes the stream
    said = " ".join(line.split())
    print("tomo:", said if len(said) <= LONGEST else f"{said[: LONGEST - 150]} ... {said[-150:]}", file=sys.stderr)
    sys.exit(status)


def _close_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_streams() -> None:
    """Open what was closed by whoever began this, so that no other file takes its number, and print in any locale."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 (stays open)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
