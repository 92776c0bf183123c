"""Options that cannot be are one line, at once, before anything is touched; help names the numbers of the code."""

from __future__ import annotations

import re
import subprocess
import sys
import typing

import pytest
from rich.text import Text
from small_survey import write_survey
from typer.testing import CliRunner

from data_gen import Acquisition, Grid, SurveySpecification
from data_gen.salt import SALT_VELOCITY
from tomo.benchmark import COMMANDS as BENCHMARKS
from tomo.cli import COMMANDS, app
from tomo.ending import run_to_its_end


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options") / "survey"
    line = Acquisition(Grid(40, 40, 15.0), sources=3, receivers=32, samples=60, sample_interval=0.008)
    write_survey(folder, SurveySpecification(line, 20, 16))
    return folder


def line(*arguments) -> str:
    """The one line that is said, without the usage that goes before an option that cannot be parsed."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == (2 if result.exception is None or isinstance(result.exception, SystemExit) else 1)
    return str(result.exception) if result.exit_code == 1 else result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--epochs", 0], "epochs must be positive, not 0"),
        (["--epochs", -3], "epochs must be positive"),
        (["--batch-size", 0], "batch size must be positive, not 0"),
        (["--micro-batch", 0], "micro batch must be positive, not 0"),
        (["--micro-batch", "some"], "a number of models, or 'whole'"),
        (["--learning-rate", "nan"], "learning rate must be positive, not nan"),
        (["--learning-rate", "inf"], "learning rate must be positive, not inf"),
        (["--learning-rate", 0], "learning rate must be positive"),
        (["--seed", -1], "a seed is not negative"),
        (["--validation", 1], "validation is a share"),
        (["--average", "nan"], "average is a share"),
        (["--views", 0], "views must be positive"),
        (["--network", "vgg"], "unknown network 'vgg': choose from unet"),
        (["--optimizer", "sgdd"], "unknown optimizer"),
        (["--schedule", "step"], "unknown schedule"),
        (["--loss", "hinge"], "unknown loss"),
        (["--augment", "flip"], "unknown augmentation"),
        (["--augment", "all", "--views", 1], "needs two --views"),
        (["--precision", "float8"], "unknown precision"),
        (["--batch-size", 99], "too few for mini-batches of 99"),
        (["--network", "cnn-paper"], "too small for the network 'cnn-paper'"),
    ],
)
def test_options_of_train(survey, tmp_path, options, told):
    assert told in line("train", survey, "--output", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--models", 0], "at least one model"),
        (["--models", 10**18], "at most 100,000,000"),
        (["--models", 4, "--train-models", 5], "5 of 4 models cannot be for training"),
        (["--dtype", "int8"], "unknown dtype"),
        (["--preset", "huge"], "unknown preset"),
        (["--spacing", 10], "belongs to --velocity-models"),
        (["--grid", "48"], "--grid is two numbers of points"),
        (["--grid-spacing", 30], "a spacing of 20 m at most"),
        (["--peak-frequency", 40], "1.7 points a wavelength of 1000 m/s at 40 Hz, and waves need 5"),
        (["--sample-interval", 0.05], "cannot hold a wavelet of 10 Hz"),
        (["--source-depth", 5000], "a source depth of 5000 m is outside the grid"),
        (["--receiver-depth", 600], "a deeper grid, or --velocity-models"),
        (["--velocity-limits", 3000, 2000], "velocity limits of 3000 to 2000 m/s"),
        (["--sources", 0], "at least one of its sources"),
        (["--grid", "20x60"], "21 points along depth at least, not 20"),
        (["--velocity-limits", 1000, 1e300], "more steps in time than can be simulated"),
        (["--samples", 10**9], "at most 10,000,000"),
        (["--acquisition", "nowhere.toml"], "nowhere.toml does not exist"),
        (["--acquisition", "nowhere.toml", "--preset", "demo"], "exclude each other"),
    ],
)
def test_options_of_generate(tmp_path, options, told):
    assert told in line("generate", "--output", tmp_path / "survey", *options)
    assert not (tmp_path / "survey").exists()


def test_a_folder_that_is_no_survey_is_left_as_it_was(tmp_path):
    (tmp_path / "notes.part").write_text("mine")
    assert "holds no survey" in line("generate", "--models", 2, "--output", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.part"]
    assert (tmp_path / "notes.part").read_text() == "mine"


def test_the_paper_s_network_can_be_trained_without_micro_batches(survey, tmp_path):
    from training.runs import open_run

    options = ["--network", "cnn", "--micro-batch", "whole", "--epochs", 1, "--batch-size", 4]
    assert (
        CliRunner().invoke(app, list(map(str, ["train", survey, "--output", tmp_path / "run", *options]))).exit_code
        == 0
    )
    assert open_run(tmp_path / "run").settings.micro_batch is None


def test_help_names_the_velocity_of_salt():
    shown = subprocess.run(
        [sys.executable, "-c", "from tomo.cli import main; main()", "evaluate", "--help"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"faster than {SALT_VELOCITY:,.0f} m/s" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "--seed", "-1", "--output", "x"], ["generate"], ["train", "x", "--members", "0", "--output", "y"],
        ["seismic"], ["info", "--nope"], ["generate", "--grid-spacing", "wide", "--output", "x"], ["predict"],
    ],
)  # fmt: skip
def test_what_cannot_be_parsed_is_one_line(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["tomo", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_to_its_end(app)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"tomo: (Invalid|Missing|No such) .*\n", said.err)
    if arguments[0] != "seismic":
        assert said.err.endswith(f" (tomo {arguments[0]} --help)\n")


def test_help_names_units():
    """In brackets they would be taken for marks of bold and colour, and vanish."""
    for command in (*COMMANDS, *BENCHMARKS):
        for name, hint in typing.get_type_hints(command, include_extras=True).items():
            if name != "return":
                about = typing.get_args(hint)[1].help or ""
                assert Text.from_markup(about).plain == about, f"{command.__name__}, {name}"


def test_output_that_nobody_reads_to_the_end_is_no_error(survey):
    program = "from tomo.cli import main; main()"
    command = f'{sys.executable} -c "{program}" info {survey} | head -1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_a_full_standard_output_is_one_line(survey):
    program = "from tomo.cli import main; main()"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program, "info", str(survey)], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_logs_hold_no_escape_codes_and_a_line_an_epoch(survey, tmp_path):
    program = "from tomo.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "train", str(survey), "--network", "cnn", "--epochs", "2", "--batch-size", "4",
         "--output", str(tmp_path / "a [bold] run")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "\x1b" not in done.stderr + done.stdout
    assert "cudart" not in done.stderr
    assert "\b" not in done.stderr
    assert [said.split(":")[0] for said in done.stderr.splitlines() if said.startswith("epoch")] == [
        "epoch 1 of 2",
        "epoch 2 of 2",
    ]
    assert "a [bold] run" in done.stdout


def test_quiet_is_quiet(survey, tmp_path):
    program = "from tomo.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--quiet", "generate", "--models", "2", "--output", str(tmp_path / "s")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr + done.stdout == ""
