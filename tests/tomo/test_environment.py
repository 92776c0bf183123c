"""Where tomo stands: other programs' variables, closed and full streams, a broken compiler, signals."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import typer

from data_gen.files import TEMPORARY
from tomo import ending
from tomo.ending import interruptible, stopped_by_signals
from training.runs import open_run

PROGRAM = "import sys; sys.path[:] = [path for path in sys.path if path]; from tomo.cli import main; main()"


def tomo(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], capture_output=True, text=True, **options
    )


@pytest.fixture(scope="module")
def survey(plain_survey, tmp_path_factory):
    return plain_survey(tmp_path_factory.mktemp("environment") / "survey", simulated=True)


def test_variables_and_settings_of_other_programs_change_nothing(survey, tmp_path):
    """Of Keras, of Devito (panels are made, so that it simulates) and of matplotlib."""
    home = tmp_path / "keras"
    home.mkdir()
    (home / "keras.json").write_text(
        '{"image_data_format": "channels_first", "floatx": "float16", "epsilon": "none", "backend": "torch"}'
    )
    others = {
        "KERAS_BACKEND": "jax", "KERAS_HOME": str(home), "DEVITO_MPI": "1", "DEVITO_ARCH": "nothing",
        "DEVITO_LANGUAGE": "openacc", "MPLBACKEND": "nothing", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = tomo(
        "train", survey, "--epochs", 1, "--batch-size", 8, "--views", 1, "--output", tmp_path / "run",
        env={**os.environ, **others},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert open_run(tmp_path / "run").finished
    log = (tmp_path / "run" / "log.txt").read_text().splitlines()
    said = [line.split(" ", 1)[1] for line in log]
    assert said[0].startswith("begun: adamw on unet, 15 models of survey")
    assert "cores" in said[1]
    assert "keras" in said[1]
    assert said[2].startswith("epoch 1 of 1: loss ")
    assert said[3:] == ["finished"]


def test_streams_that_were_closed_are_no_error(survey):
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        command = f'"{sys.executable}" -c "{PROGRAM}" info "{survey}" {closed}'
        done = subprocess.run(command, shell=True, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert (">&-" in closed.replace("2>&-", "")) == (done.stdout == "")


def test_tables_in_a_pipe_hold_whole_numbers_and_no_colours(survey):
    """However narrow the terminal that it is run from says it is, and in a locale without the table's lines."""
    narrow = {**os.environ, "COLUMNS": "20", "NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    done = tomo("info", survey, env=narrow)
    assert done.returncode == 0, done.stderr
    assert "3 sources x 32 receivers x 60 samples of 8 ms, float32" in done.stdout
    assert "\x1b" not in done.stdout
    assert "…" not in done.stdout


def test_a_compiler_that_fails_is_one_line(tmp_path):
    (tmp_path / "gcc").write_text("#!/bin/sh\necho 'cc1: no such thing' >&2\nexit 1\n")
    (tmp_path / "gcc").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    picture = tmp_path / "page.png"
    done = tomo("gallery", "--models", 1, "--preset", "demo", "--output", picture, env={**os.environ, "PATH": path})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "cannot be compiled" in done.stderr
    assert not picture.exists()


@pytest.fixture(scope="module")
def run(survey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("environment") / "run"
    done = tomo("train", survey, "--epochs", 1, "--batch-size", 8, "--network", "cnn", "--output", folder)
    assert done.returncode == 0, done.stderr
    return folder


LONG = {
    "train": (
        signal.SIGTERM,
        ["train", "survey", "--epochs", "9999", "--network", "cnn", "--batch-size", "3", "--output", "stopped"],
        "stopped/checkpoint.npz",
        "stopped; the same command continues stopped",
    ),
    "evaluate": (
        signal.SIGINT,
        ["evaluate", "run", "--survey", "survey", "--physics", "99", "--output", "scores"],
        "scores",
        "stopped; the same command begins again; no file is half written",
    ),
    "benchmark": (
        signal.SIGHUP,
        [
            "benchmark",
            "imaging",
            "--survey",
            "survey",
            "--runs",
            "runs",
            "--output",
            "r.json",
            "--epochs",
            "9999",
            "--views",
            "1",
        ],
        "runs/*/log.txt",
        "stopped; the same command continues r.json",
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_a_signal_ends_a_long_command_which_says_how_to_go_on(name, plain_survey, run, tmp_path):
    """The signal goes to all of them, as the terminal sends it, when the command has begun to work."""
    number, command, at_work, told = LONG[name]
    plain_survey(tmp_path / "survey", 40, 8 if name == "evaluate" else 32, seed=8, simulated=True)
    (tmp_path / "run").symlink_to(run)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(number, listen(number)),
    )  # fmt: skip
    began = time.monotonic()
    while not list(tmp_path.glob(at_work)):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - began < 100
        time.sleep(0.02)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=15)[1]
    assert process.returncode == 128 + number
    assert said.splitlines()[-1] == told, said
    assert "Traceback" not in said
    assert not [path for path in tmp_path.rglob(f"{TEMPORARY}*") if path.is_file()]
    if name == "train":
        assert (tmp_path / "stopped" / "log.txt").read_text().splitlines()[-1].endswith(" stopped")


def listen(number: int):
    """What the shell that started the tests may have switched off: it does so for jobs in the background."""
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_an_error_that_a_signal_led_to_is_the_signal_s(number, capsys):
    """As a library makes one of it, that calls back; without a signal the same error is itself."""

    def command(asked: bool) -> None:
        try:
            if asked:
                signal.raise_signal(number)
        except KeyboardInterrupt:
            pass
        raise ValueError("a callback failed")

    outside = signal.signal(number, listen(number))
    try:
        with stopped_by_signals():
            with pytest.raises(ValueError, match="a callback failed"):
                interruptible(command, continued=False)(asked=False)
            with pytest.raises(typer.Exit) as ended:
                interruptible(command, continued=False)(asked=True)
        assert signal.getsignal(number) is listen(number)
    finally:
        signal.signal(number, outside)
    assert ended.value.exit_code == 128 + number
    assert "stopped" in capsys.readouterr().err
    with pytest.raises(ValueError, match="a callback failed"):  # to the next command of this process it is history
        interruptible(command, continued=False)(asked=False)


class _Swallows:
    """Python has nobody to tell of an error in a destructor."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def reminded_soon(monkeypatch):
    monkeypatch.setattr(ending, "AGAIN", 0.2)
    outside = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, outside)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("where", ["library", "destructor"])
@pytest.mark.parametrize("wait", [time.sleep, threading.Event().wait], ids=["sleep", "event"])
def test_a_signal_that_was_swallowed_is_sent_again(where, wait, reminded_soon, capsys):
    def command() -> None:
        if where == "library":
            with contextlib.suppress(BaseException):
                signal.raise_signal(signal.SIGTERM)
        else:
            _Swallows()
        wait(30)

    raised: list[int] = []
    began = time.monotonic()
    with stopped_by_signals(), pytest.raises(typer.Exit) as ended:
        interruptible(command, continued=True)()
    assert time.monotonic() - began < 10
    signal.signal(signal.SIGTERM, lambda number, frame: raised.append(number))
    time.sleep(0.5)
    assert ended.value.exit_code == 128 + signal.SIGTERM
    assert "the same command continues it" in capsys.readouterr().err
    assert not raised  # the command has ended: nobody is reminded


def test_no_reminder_disturbs_what_cleans_up(reminded_soon):
    done: list[str] = []

    @contextlib.contextmanager
    def folder():
        try:
            yield
        finally:
            time.sleep(0.5)
            done.append("folder")

    def command() -> None:
        try:
            with folder():
                signal.raise_signal(signal.SIGTERM)
        finally:
            time.sleep(0.5)
            done.append("command")

    with stopped_by_signals(), pytest.raises(typer.Exit):
        interruptible(command, continued=True)()
    assert done == ["folder", "command"]
