"""README and docs: code blocks run as they stand, and every number comes from the file that stands beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_survey import write_survey

from data_gen.geology import statistics
from training.benchmark.imaging import summary as seed_summary
from training.benchmark.paper import MNIST, TOMOGRAPHY, Experiment
from training.benchmark.paper_tables import cells, header
from training.benchmark.paper_tables import summary as summary_of
from training.benchmark.refinement import summary
from training.benchmark.rivals.outcome import Outcome, outcome
from training.benchmark.rivals.race import BEYOND, trials
from training.benchmark.rivals.race import raced as of_seeds

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEEDS_A_SURVEY = "surveys/laptop"


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def results(name: str) -> Any:
    return json.loads((ROOT / "docs" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def blocks() -> list:
    found = []
    for page in PAGES:
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)):
            found.append(pytest.param(block, id=f"{page.stem}-{number}"))
    return found


@pytest.mark.parametrize("block", blocks())
def test_code_blocks_run_as_they_stand(block, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    if NEEDS_A_SURVEY in block:
        from data_gen import Acquisition, Grid, SurveySpecification

        line = Acquisition(Grid(40, 40, 15.0), sources=2, receivers=8, samples=20, sample_interval=0.008)
        write_survey(tmp_path / NEEDS_A_SURVEY, SurveySpecification(line, 3, 2))
    exec(compile(block, request.node.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        file = page.parent / target if target else page
        assert file.exists(), f"{page} points at {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            known = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in known, f"{page} points at {target}#{anchor}"


def test_every_command_in_the_pages_is_one():
    from typer.main import get_command

    from tomo.cli import app

    known = set(get_command(app).commands)
    for page in PAGES:
        for name in re.findall(
            r"^ {4}(?:\.venv/bin/)?tomo +(?:--\w+ +)*([a-z]+)", page.read_text(encoding="utf-8"), re.M
        ):
            assert name in known, f"{page} has tomo {name}"


def test_the_readme_says_where_tomo_is_before_its_first_command():
    readme = text("README.md")
    assert readme.index("    source .venv/bin/activate") < re.search(r"^ {4}tomo ", readme, re.M).start()


def test_the_readme_is_short():
    assert len(text("README.md").splitlines()) <= 130


def test_pictures_are_small():
    assert sum(picture.stat().st_size for picture in (ROOT / "docs" / "pictures").iterdir()) < 2e6


def test_geology_page():
    assert statistics.table(results("geology")) in text("docs/geology.md")


def test_simulator_page():
    page, found = text("docs/simulator.md"), results("simulator")
    cpu = {name: float(np.median(row["cpu_seconds_per_model"])) for name, row in found["race"].items()}
    for name, title in (
        ("tomo", "tomo, 2.7 ms, fourth order in time"),
        ("deepwave", "deepwave 0.1.0, 1.1 ms, its default"),
        ("deepwave, 1.6 ms", "deepwave, 1.6 ms, the largest step"),
        ("plain Devito", "Devito as in its tutorials, 1.1 ms"),
    ):
        row = found["race"][name]
        ratio = f"{cpu[name] / cpu['tomo']:.1f}" if name != "tomo" else "1"
        error = row["scheme_error"]["1500"]
        line = f"| {title} | {cpu[name]:.2f} | {ratio} | {100 * row['boundary_error']:.2f} % | {100 * error:.1f} % |"
        assert line in page
    worker, survey = found["worker"], found["survey"]
    said = " ".join(page.split())
    assert f"spends {100 * worker['loop_share']:.0f} % of its time in the stencil loops" in said
    assert f"which do {worker['gflops']:.0f} Gflop/s where the core can do {worker['ceiling_gflops']:.0f}" in said
    assert (
        f"The {survey['models']} models of `paper` took {survey['seconds'] / 60:.1f} minutes on two cores "
        f"({survey['cpu_seconds'] / 60:.1f} of CPU time), {survey['peak_bytes_per_worker'] / 1e9:.2f} GB of memory a "
        f"worker and {survey['bytes_on_disk'] / 1e9:.1f} GB of disk"
    ) in said


def _optimizer_rows(found: dict, unit: float, score: str, form: str) -> dict[str, tuple[str, str, str, str]]:
    """By contender: loss, score, cost beside Adam's, gradients, of the trainings that did not diverge."""
    rows = {}
    costs = {name: np.array(cost["seconds_per_iteration"]) for name, cost in found["cost"].items()}
    for name in costs:
        group = [row for row in found["repetitions"] if row["contender"] == name and None not in row["loss"]]
        beside = np.median(costs[name] / costs["adam"])
        rows[name] = (
            format(unit * np.mean([row["loss"][-1] for row in group]), form),
            format(np.mean([row["score"][-1] for row in group]), score),
            f"{beside:.1f}" if name != "adam" else "1",
            f"{group[0]['gradients_per_iteration']:.1f}" if name != "adam" else "1",
        )
    return rows


def test_optimizer_page_on_mnist():
    page, found = text("docs/optimizer.md"), results("mnist")
    rows = _optimizer_rows(found, 1.0, ".1%", ".4f")
    for name, title in (("adam", "Adam 1e-2, mean of 5 seeds"), ("sqgn", "SQGN, mean of 5 seeds")):
        loss, score, cost, gradients = rows[name]
        assert f"| {title} | {loss} | {score[:-1]} % | {cost} | {gradients} |" in page
    paper = [row for row in found["repetitions"] if row["contender"] == "sqgn-reference"]
    sound = [row for row in paper if None not in row["loss"] and row["loss"][-1] < 1]
    loss, score = (np.mean([row[key][-1] for row in sound]) for key in ("loss", "score"))
    assert (len(paper), len(sound)) == (5, 3)
    assert f"mean of 3 of 5 seeds, 2 diverged | {loss:.4f} | {100 * score:.1f} % |" in page


def test_optimizer_page_on_tomography():
    page, found = text("docs/optimizer.md"), results("tomography")

    def mean(rows: list, key: str) -> float:
        return float(np.mean([row[key][-1] for row in rows]))

    by_name = {name: [row for row in found["repetitions"] if row["contender"] == name] for name in found["cost"]}
    adam, sqgn = by_name["adam"], by_name["sqgn"]
    free = [row for row in adam if row["loss"][-1] < 3000]
    assert (len(adam), len(free), len(sqgn)) == (5, 4, 5)
    assert f"mean of 5 seeds | {mean(adam, 'loss') / 1e3:.2f}e9, one stuck | {mean(adam, 'score'):.3f} |" in page
    assert f"the four that were not stuck | {mean(free, 'loss') / 1e3:.2f}e9 | {mean(free, 'score'):.3f} |" in page
    _, _, cost, gradients = _optimizer_rows(found, 1.0, ".3f", ".3f")["sqgn"]
    row = f"{mean(sqgn, 'loss') / 1e3:.2f}e9 | {mean(sqgn, 'score'):.3f} | {cost} | {gradients} |"
    assert f"SQGN, mean of 5 seeds | {row}" in page
    best = max(max(row["loss"][-1] for row in sqgn), 0), min(row["loss"][-1] for row in adam)
    assert all(s["loss"][-1] < a["loss"][-1] for s in sqgn for a in adam if s["seed"] == a["seed"]), (
        best
    )  # "ends ahead from each of the five seeds"


def test_evaluation_page_on_the_paper_s_network():
    page, found = text("docs/evaluation.md"), results("outside")
    forms = {"RMSE, m/s": ("rmse", ".0f"), "SSIM": ("ssim", ".3f"), "salt IoU": ("salt_iou", ".2f")}
    forms |= {"salt bodies found": ("salt_found", ".2f")}
    for survey in found["surveys"]:
        scores = survey["scores"]
        for title, (name, form) in forms.items():
            values = " | ".join(format(scores[who][name], form) for who in ("mean model", "adam", "sqgn"))
            assert f"| {title} | {values} | |" in page
        misfits = " | ".join(f"{row['data_misfit']:.3f}" for row in scores.values())
        assert f"| {misfits} |" in page


def test_evaluation_page_on_augmentation():
    page, found = " ".join(text("docs/evaluation.md").split()), results("augmentation")
    rmse = {
        name: " and ".join(f"{run['test_rmse']:.0f}" for run in found["runs"] if run["augment"] == name)
        for name in ("none", "mirror", "all")
    }
    assert f"is then {rmse['mirror']} m/s (two seeds) instead of {rmse['none']}" in page
    assert f"uneven sources, {rmse['all']}" in page


ROWS = {
    "RMSE, m/s": ("rmse", ".0f"),
    "SSIM": ("ssim", ".3f"),
    "salt IoU": ("salt_iou", ".2f"),
    "salt bodies found": ("salt_found", ".2f"),
    "depth of the salt's top, m": ("salt_top_error", ".0f"),
    "data misfit, 8 models": ("data_misfit", ".3f"),
}


SMALL, LARGE = "unet", "unet-10k-noise"
"""The runs in the table of the README; the others are for the curve over the number of training models."""


def imaging_table() -> str:
    """The imaging networks beside the mean model and the paper's network."""
    found, before = results("imaging"), results("outside")
    runs = [found["runs"][name] for name in (SMALL, LARGE)]
    named = [f"`{run['network']}`, {run['training_models']:,} models" for run in runs]
    columns = ["mean model", "paper's network, 800 models", *named]
    lines = [f"| | {' | '.join(columns)} |", "|" + "---|" * (len(columns) + 1)]
    titles = ("160 test models of `laptop`", "96 windows of public models")
    for title, ours, theirs in zip(titles, found["surveys"], before["surveys"], strict=True):
        assert ours["samples"] == theirs["samples"]
        lines.append(f"| **{title}** |{' |' * len(columns)}")
        scores = [ours["scores"]["mean model"], theirs["scores"]["adam"], *(ours["scores"][n] for n in (SMALL, LARGE))]
        for row, (name, form) in ROWS.items():
            cells = [format(score[name], form) if score[name] is not None else "" for score in scores]
            lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def data_table() -> str:
    """`unet-large` trained on more and more models."""
    found = results("imaging")
    runs = {name: run for name, run in found["runs"].items() if run["network"] == "unet-large" and name != LARGE}
    lines = ["| training models | epochs | RMSE, m/s | SSIM | salt IoU | found | top, m | windows: RMSE, SSIM, IoU |"]
    lines.append("|" + "---|" * 8)
    forms = list(ROWS.values())[:-1]
    for name in sorted(runs, key=lambda name: runs[name]["training_models"]):
        ours, outside = (survey["scores"][name] for survey in found["surveys"])
        cells = [format(ours[score], form) for score, form in forms]
        there = ", ".join(format(outside[score], form) for score, form in forms[:3])
        lines.append(f"| {runs[name]['training_models']:,} | {runs[name]['epochs']} | {' | '.join(cells)} | {there} |")
    return "\n".join(lines)


def test_evaluation_page_on_more_data():
    assert data_table() in text("docs/evaluation.md")
    assert len(data_table().split("\n")) == 5


def test_readme_and_evaluation_page_on_imaging():
    whole = imaging_table()
    assert whole in text("docs/evaluation.md")
    assert whole[: whole.index("\n| **96 windows")] in text("README.md")
    for run in results("imaging")["runs"].values():
        assert run["validation"] == pytest.approx(0.1) or run["training_models"] > 1000


def test_evaluation_page_on_other_lines():
    page = text("docs/evaluation.md")
    for name, line in results("lines")["lines"].items():
        cells = [f"{row['rmse']:.0f} m/s, {row['ssim']:.3f}, {row['salt_iou']:.2f}" for row in line["scores"].values()]
        assert f"| {name} | {' | '.join(cells)} |" in page


def test_evaluation_page_on_the_paper_s_survey():
    page, (survey,) = text("docs/evaluation.md"), results("paper-survey")["surveys"]
    ours = next(survey["scores"][name] for name in results("paper-survey")["runs"])
    theirs = results("imaging")["surveys"][0]["scores"]["unet"]
    for title, row in (("`paper`", ours), ("`laptop`", theirs)):
        forms = list(ROWS.values())[:-1]
        assert f"| {title} | {' | '.join(format(row[name], form) for name, form in forms)} |" in page


def test_evaluation_page_on_noise():
    page, found = text("docs/evaluation.md"), results("robustness")
    noise = found["signal_to_noise_ratio"]
    for name, rows in noise["runs"].items():
        cells = [f"{row['rmse']:.0f}, {row['ssim']:.3f}, {row['salt_iou']:.2f}" for row in rows]
        assert f"| `{name}` | {' | '.join(cells)} |" in page
    assert noise["levels"] == [30, 20, 10, 5, 0]


def test_readme_on_the_demo():
    (survey,) = results("demo")["surveys"]
    mean, unet = survey["scores"]["mean model"], survey["scores"]["unet"]
    assert (
        f"on {survey['samples']} test models, such as SSIM {unet['ssim']:.3f} (mean model: {mean['ssim']:.3f}) and "
        f"salt IoU {unet['salt_iou']:.2f}"
    ) in " ".join(text("README.md").split())


def test_imaging_page_on_the_networks():
    import keras

    from models.conditioning import Conditioning
    from models.registry import NETWORKS

    ones = np.ones((100, 1, 25), np.float32)
    conditioning = Conditioning((100, 50, 25), ones, ones, np.full((100, 100), 2500, np.float32))
    small, large = (
        sum(int(np.prod(v.shape)) for v in network.trainable_variables) / 1e6
        for network in (
            NETWORKS[name].build(conditioning, keras.Model, 0, "float32") for name in ("unet", "unet-large")
        )
    )
    said = " ".join(text("docs/imaging.md").split())
    assert f"{small:.2f} million weights, or {large:.1f} million as `unet-large`" in said


def test_imaging_page_on_the_cost_of_panels():
    page, found = text("docs/imaging.md"), results("migration")
    for name in ("demo", "laptop", "paper"):
        row = found[name]
        times = [f"{1e3 * row[key]:.0f} ms" for key in ("cpu_seconds_per_model", "simulation_cpu_seconds_per_model")]
        sizes = [f"{row[key] / 1e3:,.0f} kB" for key in ("bytes_per_model", "gather_bytes_per_model")]
        assert f"| `{name}` | {' | '.join(times + sizes)} |" in page


def test_optimizer_page_on_memory_and_stability():
    page = " ".join(text("docs/optimizer.md").split())
    peak = results("memory")["peak_bytes"]
    sqgn, adam = (peak[name]["resident"] / 1e9 for name in ("sqgn", "adam"))
    assert f"train in {sqgn:.1f} GB of memory on a CPU (Adam: {adam:.1f})" in page
    rows = results("stability")["repetitions"]
    second = sum(len(row["loss"]) > 1 for row in rows)
    rollbacks = sum(row["rollbacks"] for row in rows)
    assert all(row["score"][-1] >= 0.55 for row in rows)
    assert f"Of {len(rows):,} trainings, 100 seeds of each, none diverged and none got stuck" in page
    assert f"{second} needed a second epoch, and {rollbacks:.0f} steps were rolled back" in page


def test_refinement_page_on_gradients():
    page, found = text("docs/refinement.md"), results("gradient")
    for name in ("laptop", "paper"):
        simulation, ours, theirs = (np.median(found[name][key]) for key in ("simulation", "gradient", "deepwave"))
        cells = f"{simulation:.2f} | {ours:.2f} | {ours / simulation:.1f} | {theirs:.2f} | {theirs / ours:.1f}"
        assert f"| a model of `{name}` | {cells} |" in page
        assert min(found[name]["agreement"]) == pytest.approx(0.9997, abs=1e-4)


OUTSIDE = "refinement-outside"


def refinement_table() -> str:
    """Refinement from each first model, in each condition."""
    found = summary(results("refinement"))
    found |= {(f"{name}, public models", start): row for (name, start), row in summary(results(OUTSIDE)).items()}
    lines = [
        "| gathers with | models | from | RMSE, m/s | SSIM | salt IoU | salt's top, m | worse | misfit / noise |",
        "|" + "---|" * 9,
    ]
    forms = (("rmse", ".0f"), ("ssim", ".3f"), ("salt_iou", ".2f"), ("salt_top_error", ".0f"))
    for (condition, start), row in found.items():
        cells = [
            " to ".join(
                "–" if row[when][name] is None else format(row[when][name], form) for when in ("before", "after")
            )
            for name, form in forms
        ]
        name = "`pretrained`" if start == "pretrained" else start
        lines.append(
            f"| {condition} | {row['models']} | {name} | {' | '.join(cells)} | {100 * row['worse']:.0f} % | "
            f"{row['excess']:.2f} |"
        )
    return "\n".join(lines)


def test_refinement_page_on_first_models():
    assert refinement_table() in text("docs/refinement.md")


def seeds_table() -> str:
    """AdamW and SQGN on the imaging network, from the same seeds, for the same time."""
    found = results("seeds")
    lines = ["| | seeds | CPU s | RMSE, m/s | SSIM | salt IoU | found | top, m |", "|" + "---|" * 8]
    forms = (("processor_seconds", ".0f"), ("rmse", ".0f"), ("ssim", ".3f"), ("salt_iou", ".2f"), ("salt_found", ".2f"))
    for (_, name), row in seed_summary(found).items():
        settings = found["contenders"][name]
        title = {"adamw": "AdamW", "sqgn": "SQGN"}[settings["optimizer"]]
        cells = [
            " ± ".join(format(value, form) for value in row[score])
            for score, form in (*forms, ("salt_top_error", ".0f"))
        ]
        lines.append(f"| {title}, {settings['epochs']} epochs | {row['seeds'][0]:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_imaging_page_on_seeds():
    assert seeds_table() in text("docs/imaging.md")


def calibration_table() -> str:
    """How sure the ensemble is, and how far off, survey by survey."""
    found = results("calibration")
    lines = [
        "| | models | errors within two deviations | mean deviation, m/s | RMSE, m/s | SSIM | salt IoU |",
        "|" + "---|" * 7,
    ]
    titles = {"validation": "validation models", "laptop": "test models", "outside": "windows of public models"}
    for name, row in found["surveys"].items():
        mean = row["scores"]["mean"]
        lines.append(
            f"| {titles[name]} | {row['models']} | {100 * row['covered']:.0f} % | {row['deviation']:.0f} | "
            f"{mean['rmse']:.0f} | {mean['ssim']:.3f} | {mean['salt_iou']:.2f} |"
        )
    return "\n".join(lines)


def test_refinement_page_on_how_sure():
    found, page = results("calibration"), text("docs/refinement.md")
    assert calibration_table() in page
    members = [row["rmse"] for name, row in found["surveys"]["laptop"]["scores"].items() if name != "mean"]
    assert f"of which one alone has {np.mean(members):.0f} m/s on the test models" in " ".join(page.split())
    assert f"multiplied by {found['factor']:.1f}" in " ".join(page.split())


def paper_tables(experiment: Experiment) -> list[str]:
    """The paper's tables, its numbers beside ours; dashes for what has not been run."""
    name = f"paper-{experiment.name}"
    there = (ROOT / "docs" / "results" / f"{name}.json").exists()
    found = results(name) if there else {"rows": []}
    heading = header(experiment)
    tables = []
    for table in experiment.tables.values():
        rows = [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (heading, *cells(experiment, table, found))]
        tables.append("\n".join([f"**{table.title}**\n", rows[0], "|" + "---|" * len(heading), *rows[1:]]))
    return tables


@pytest.mark.parametrize("experiment", [MNIST, TOMOGRAPHY], ids=lambda experiment: experiment.name)
def test_paper_page(experiment):
    page = text("docs/paper.md")
    for table in paper_tables(experiment):
        assert table in page


def test_paper_page_on_where_ours_differ():
    page = text("docs/paper.md")
    for row in results("paper-training-loss")["rows"]:
        losses = f"{row['training_loss']:.3f} | {row['test_loss']:.3f}"
        accuracies = f"{row['training_accuracy']:.1%} | {row['test_accuracy']:.1%}".replace("%", " %")
        assert f"| {row['epoch']} | {losses} | {accuracies} |" in page
    mnist, tomography = (
        {name: summary_of(experiment, results(f"paper-{experiment.name}"), name) for name in experiment.trainings}
        for experiment in (MNIST, TOMOGRAPHY)
    )
    said = " ".join(page.split())
    published, ours, slow = (mnist[name] for name in ("sqgn-reference", "sqgn", "sqgn-0.001"))
    assert f"ends at {published.score:.1%} instead of 97.8 %".replace("%", " %", 1) in said
    assert f"at a loss of {published.loss:.3f} instead of 0.082" in said
    ends = [row["loss"][-1] for row in trained("mnist", "sqgn-reference")]
    assert len(ends) == 5
    assert f"spread from {min(ends):.3f} to {max(ends):.3f}, the paper's mean among them" in said
    assert min(ends) < 0.082 < max(ends)
    assert ends[0] == max(ends), "seed 0, the worst of the five"
    rise = [row["loss"][-1] / min(row["loss"]) for row in trained("mnist", "sqgn-reference")]
    assert sorted(each > 1.24 for each in rise) == [False, False, False, True, True], "in two of the five"
    assert f"is {published.lowest:.3f} in the mean, at epoch {published.epoch:.0f}" in said
    assert f"with 0.001 they end at {slow.loss:.3f}, the lowest loss of the tables" in said
    assert slow.loss == min(each.loss for each in mnist.values() if each)
    assert f"with 0.1 at {ours.loss:.3f}, behind Adam's {mnist['adam'].loss:.3f}" in said
    published, ours, slow, fast = (tomography[name] for name in ("sqgn-reference", "sqgn", "adam-0.001", "adam-0.01"))
    assert f"at {published.loss / 1e8:.1f}e8 (the paper's at 8.5e8), with a better SSIM ({published.score:.2f}" in said
    assert f"level with it, at {slow.loss / 1e8:.1f}e8, and lower on the way" in said
    assert abs(published.loss - slow.loss) < 0.02 * slow.loss
    assert slow.lowest < published.lowest
    assert f"Adam at 0.01 ends at {fast.loss / 1e9:.1f}e9" in said
    assert (fast.trainings, fast.stuck) == (3, 1)
    stuck = max(trained("tomography", "adam-0.01"), key=lambda row: row["loss"][-1])
    assert (
        f"whose loss is {stuck['loss'][-1] / 1e9:.1f}e9 and whose SSIM, {stuck['score'][-1]:.3f}, is the best" in said
    )
    assert stuck["score"][-1] == max(row["score"][-1] for name in tomography for row in trained("tomography", name))
    assert f"to {ours.lowest / 1e8:.1f}e8 in {ours.epoch:.0f} epochs" in said
    assert f"takes {slow.epoch:.0f} for {slow.lowest / 1e8:.1f}e8" in said
    assert ours.score == min(each.score for each in tomography.values() if each)


def trained(experiment: str, name: str) -> list[dict]:
    """The rows of one of the paper's trainings, by seed."""
    rows = [row for row in results(f"paper-{experiment}")["rows"] if row.get("training") == name]
    return sorted(rows, key=lambda row: row["seed"])


def test_paper_page_on_a_graphics_card():
    cost = {name: each["seconds_per_iteration"] for name, each in results("paper-gpu")["cost"].items()}
    adam, published, ours = (np.median(cost[name]) for name in ("adam", "sqgn-reference", "sqgn"))
    beside = {name: np.median(np.divide(seconds, cost["adam"])) for name, seconds in cost.items()}
    page = " ".join(text("docs/paper.md").split())
    assert f"takes {adam:.1f} s with Adam, {published:.1f} s with SQGN as published" in page
    assert f"{beside['sqgn-reference']:.1f} times as long, and {ours:.1f} s with the defaults" in page
    assert f"{beside['sqgn']:.1f} times (" in page
    ratios = np.divide(cost["sqgn"], cost["adam"])
    assert f"the defaults' ratio was {ratios.min():.1f} to {ratios.max():.1f}" in page
    peak = results("memory-paper-gpu")["peak_bytes"]
    adam, published, ours = (f"{peak[name]['gpu'] / 1e9:.1f}" for name in ("adam", "sqgn-reference", "sqgn"))
    assert f"{adam} GB are allocated on the card with Adam, {published} GB as published and {ours} GB with" in page


def test_the_example_quotes_what_was_printed():
    """`docs/example.py` does the page's commands and writes down what they print."""
    page, done = text("docs/example.md"), results("example")["commands"]
    assert re.findall(r"^ {4}(tomo .*)$", page, re.M) == [each["command"] for each in done]
    quoted = re.findall(r"^ {4}(tomo [^\n]*)\n\n```text\n(.*?)\n```", page, re.M | re.S)
    assert len(quoted) == 4
    printed = {each["command"]: "\n".join(each["printed"]).strip("\n") for each in done}
    for command, lines in quoted:
        assert lines == printed[command]
    minutes = sum(each["seconds"] for each in done) / 60
    assert 5 < minutes < 11, "some ten minutes"
    training = next(each["seconds"] for each in done if each["command"].startswith("tomo train"))
    assert 0.4 < training / 60 / minutes < 0.6, "half of them"


def test_the_example_says_what_became_of_the_refined_models():
    rows = re.findall(r"^│ model \d+ +│(.*)│$", text("docs/example.md"), re.M)
    assert len(rows) == 3
    for row in rows:
        misfit, refined, _, rmse, rmse_refined, ssim, ssim_refined = (float(cell) for cell in row.split("│"))
        assert 1 / 6.5 < refined / misfit < 1 / 3
        assert rmse_refined < rmse
        assert ssim_refined > ssim


FALLING = {
    "defaults, 0.1": ({}, 0.1),
    "defaults, 0.3": ({}, 0.3),
    "scale 0.01, 0.1": ({"scale": 0.01}, 0.1),
    "scale 0.01, 0.3": ({"scale": 0.01}, 0.3),
    "scale 0.01, 1": ({"scale": 0.01}, 1.0),
    "**scale 0.03, 0.3**": ({"scale": 0.03}, 0.3),
    "- a pair every fourth iteration, of the whole mini-batch": (
        {"scale": 0.03, "curvature_interval": 4, "curvature_fraction": 1.0}, 0.3,
    ),
}  # fmt: skip
"""What was tried of SQGN with a falling alpha: options, and the alpha that it falls from."""


def falling_table() -> str:
    """Losses at the end on tasks with mini-batches of two sizes; dashes for what was not tried."""
    columns = (("mnist", 1000), ("mnist", 100), ("autoencoder", 200), ("pinn", 500), ("pinn", 5000), ("unet", 16))
    rows = [row for row in results("falling")["rows"] if row["optimizer"] == "sqgn"]
    lines = ["| | " + " | ".join(f"`{task}`, {size:,}" for task, size in columns) + " |", "|" + "---|" * 7]
    for title, (options, rate) in FALLING.items():
        losses = [
            next((row["loss"][-1] for row in rows if (row["task"], row["batch_size"], row["options"], row["rate"]) == (
                task, size, options, rate)), None)
            for task, size in columns
        ]  # fmt: skip
        lines.append(f"| {title} | {' | '.join('–' if loss is None else f'{loss:.3g}' for loss in losses)} |")
    return "\n".join(lines)


def test_experiments_page_on_a_falling_alpha():
    page = text("docs/experiments.md")
    assert falling_table() in page
    (adam,) = (row for row in results("falling")["rows"] if row["optimizer"] == "adam")
    (adamw,) = (row for row in results("falling")["rows"] if row["optimizer"] == "adamw")
    assert f"{adam['loss'][-1]:.3g} and {adamw['loss'][-1]:.3g}" in page


AFTER_A_RUIN = {
    "100; limit halved, pairs forgotten": (100, "halved", "forgotten"),
    "100; half the step, pairs forgotten": (100, "half the step", "forgotten"),
    "**100; half the step, pairs kept**": (100, "half the step", "kept"),
    "20; half the step, pairs kept": (20, "half the step", "kept"),
}


def ruin_table() -> str:
    """The rows of what SQGN does after a ruined step: loss and steps taken back, from two seeds."""
    lines = []
    for title, (history, limit, pairs) in AFTER_A_RUIN.items():
        keys = {"history": history, "limit_after_a_ruin": limit, "pairs_after_a_ruin": pairs}
        rows = [
            row for row in results("history")["rows"] if keys.items() <= row.items() and row["rollbacks"] is not None
        ]
        cells = [
            ", ".join(f"{row['loss']:.2g} ({row['rollbacks']:.0f})" for row in rows if row["batch_size"] == size)
            for size in (5000, 2000)
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_experiments_page_on_a_long_history():
    page, rows = text("docs/experiments.md"), results("history")["rows"]
    assert ruin_table() in page
    one = {row["history"]: row["loss"] for row in rows if row["rollbacks"] is None}
    first = next(row["loss"] for row in rows if row["history"] == 100)
    said = " ".join(page.split())
    assert f"at {one[200]:g}, with 400 at {one[400]:g} after 1,200 iterations, where 100 have {first:g}" in said
    kept = [row for row in rows if row["pairs_after_a_ruin"] == "kept"]
    twenty, hundred = ([row["loss"] for row in kept if row["history"] == length] for length in (20, 100))
    assert np.min(np.divide(sorted(twenty), sorted(hundred))) > 14, "fifteen times"
    assert not any(row["rollbacks"] for row in results("paper-tomography")["rows"] if "training" in row)


LIMITS = {
    "grows after any step, power 0.5": "any step",
    "**grows by steps that it cut short**, power 0.5": "cut short",
    "- power 0.2, from 1": "cut short, power 0.2",
    "- **power 0.2**, from 0.3": "cut short, power 0.2, from 0.3",
    "- power 0.1, from 0.3": "cut short, power 0.1, from 0.3",
}


def limit_table() -> str:
    """The rows of what was tried for the limit on SQGN's steps: losses from all seeds, with marks for what differs."""
    columns = [("pinn", 1), ("pinn", 4), ("autoencoder", 1), ("mnist", 1), ("mnist", 4), ("unet", 4), ("cnn", 4)]
    names = [f"`{task}`{', M = 4' if interval == 4 else ''}" for task, interval in columns]
    lines = [f"| | {' | '.join(names)} |", "|" + "---|" * (1 + len(columns))]
    for title, setting in LIMITS.items():
        cells = []
        for column in columns:
            marked = [
                f"{row['loss']:.3g}{'*' if row['learning_rate'] == 0.03 else ''}{'†' if row['least'] < 0.03 else ''}"
                f"{'‡' if row['greatest'] > 3.0 else ''}"
                for row in results("limit")["rows"]
                if (row["setting"], row["task"], row["curvature_interval"]) == (setting, *column)
            ]
            cells.append(", ".join(marked) or "–")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_experiments_page_on_the_limit():
    page, rows = text("docs/experiments.md"), results("limit")["rows"]
    assert limit_table() in page
    said = " ".join(page.split())

    def limits(setting: str) -> np.ndarray:
        return np.array([row["limit"] for row in rows if row["setting"] == setting and "limit" in row])

    before, now = limits("any step"), limits("cut short")
    assert before.max() == 3.0 and np.median(now[:, 1:]) < 0.02  # noqa: PT018 (one sentence)

    def loss(**keys) -> float:
        (found,) = {row["loss"] for row in rows if keys.items() <= row.items()}
        return found

    unbound = [
        loss(task="autoencoder", greatest=100.0, growth=1.05),
        loss(task="autoencoder", greatest=30.0, falls_with_alpha=False),
    ]
    bound = loss(task="pinn", setting=None)
    assert f"(with which seed 101 of `pinn` ends at {bound:.3g})" in said
    assert f"power 0.5 and 0.2, {unbound[0]:.1f} and {unbound[1]:.0f}" in said
    rivals = " ".join(text("docs/rivals.md").split())
    assert f"[{len(rows)}](experiments.md#when-the-limit-grows) on all five" in rivals
    gain = [loss(task="autoencoder", setting=setting) for setting in ("cut short, power 0.2, from 0.3", "any step")]
    assert f"({gain[0]:.1f} instead of {gain[1]:.1f} in single trainings" in rivals
    older = {results(f"rivals-{task}")["contenders"]["sqgn"]["max_step"] for task in ("autoencoder", "cnn")}
    assert older == {1.0}, "the limit before"
    assert f"instead of 5 % {loss(task='autoencoder', growth=1.1):.1f}" in said
    assert f"with a scale of 0.03 {loss(task='unet', scale=0.03):.1f}" in said
    assert f"falls with alpha {loss(task='unet', max_step=0.9, learning_rate=0.3):.1f}" in said
    assert f"alpha from 0.1 {loss(task='unet', learning_rate=0.1):.1f}" in said


RIVALS = {
    "sgd": "SGD, Nesterov", "adam": "Adam", "adamw": "AdamW", "muon": "Muon", "lion": "Lion", "sqgn": "**SQGN**",
    "sqgn-m4": "**SQGN**, M = 4",
}  # fmt: skip
RIVAL_TASKS = {
    "mnist": (".4f", ".2%"), "autoencoder": (".2f", ".2f"), "pinn": (".2e", ".3f"), "unet": (".1f", ".3f"),
    "cnn": (".0f", ".3f"),
}  # fmt: skip
"""The tasks of the race, with the forms of loss and score."""


SCORES = {"mnist": "accuracy", "autoencoder": "squared error", "pinn": "error", "unet": "SSIM", "cnn": "SSIM"}


def raced() -> dict[str, dict[str, Outcome]]:
    """What became of each race whose results are there."""
    there = (ROOT / "docs" / "results").glob("rivals-*.json")
    return {name: outcome(results(f"rivals-{name}")) for name in sorted(file.stem[len("rivals-") :] for file in there)}


def rivals_table(task: str, found: dict[str, Outcome]) -> str:
    """Each optimizer at its best setting of a task, from the best to the worst."""
    of_loss, of_score = RIVAL_TASKS[task]
    heading = ("", "mini-batch, rate", "ms", "a quarter", "half", "the end", SCORES[task], "first trial", "trials")
    lines = [f"| {' | '.join(heading)} |".replace("|  |", "| |"), "|" + "---|" * len(heading)]
    for name, row in sorted(found.items(), key=lambda item: item[1].end[0]):
        cells = [
            f"{row.batch_size:,}, {row.edge}{row.rate:g}",
            f"{row.milliseconds:.1f}",
            format(row.quarter[0], of_loss),
            format(row.half[0], of_loss),
            " ± ".join(format(value, of_loss) for value in row.end),
            format(row.score[0], of_score).replace("%", " %"),
            format(row.first_trial, of_loss),
            str(row.trials),
        ]
        lines.append(f"| {RIVALS[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


README_TASKS = {
    "pinn": "Burgers' equation, a physics-informed network", "cnn": "Gathers, the paper's network",
    "mnist": "MNIST, the paper's network", "autoencoder": "MNIST, an autoencoder", "unet": "Panels, the U-Net",
}  # fmt: skip
ONLY = {"unet": set(RIVALS) - {"sqgn-m4"}}
"""Those of a task that has not been run with all contenders."""


def readme_on_rivals() -> list[str]:
    """Where SQGN wins and where it loses: its better variant beside the best rival, a row for each task."""
    lines = []
    for task, title in README_TASKS.items():
        if found := raced().get(task):
            form = RIVAL_TASKS[task][0]
            by_end = sorted(found, key=lambda name: found[name].end[0])
            best = next(name for name in by_end if name.startswith("sqgn"))
            rival = next(name for name in by_end if not name.startswith("sqgn"))
            ours, theirs = (" ± ".join(format(value, form) for value in found[name].end) for name in (best, rival))
            lines.append(f"| {title} | {ours}{', M = 4' if best == 'sqgn-m4' else ''} | {theirs}, {RIVALS[rival]} |")
    return lines


def test_readme_on_rivals():
    page = text("README.md")
    for line in readme_on_rivals():
        assert line in page


def test_rivals_page_on_what_came_of_it():
    found, page = raced(), " ".join(text("docs/rivals.md").split())
    ahead = {}
    for task, rows in found.items():
        ours, theirs = (
            min(row.first_trial for name, row in rows.items() if name.startswith("sqgn") == is_sqgn)
            for is_sqgn in (True, False)
        )
        ahead[task] = theirs / ours
    assert {task for task, ratio in ahead.items() if ratio > 1.0} == {"autoencoder", "pinn", "cnn"}
    behind = (f"{100 * (1 / ahead[task] - 1):.0f}" for task in ("mnist", "unet"))
    assert f"AdamW is, by {' and '.join(behind)} %" in page
    assert all(
        min(found[task].values(), key=lambda row: row.first_trial) is found[task]["adamw"] for task in ("mnist", "unet")
    )
    assert f"{100 * (min(each for each in ahead.values() if each > 1.0) - 1.0):.0f} %" in page
    assert 5.5 < max(ahead.values()) < 6, "nearly six"
    lion = found["pinn"]["lion"]
    for name in ("sqgn", "sqgn-m4"):
        ours = found["pinn"][name]
        assert 8 < lion.quarter[0] / ours.quarter[0] < 9.5, "eight times"
        assert 0.2 < 1 - ours.end[0] / lion.end[0] < 0.3, "a quarter"
        assert lion.end[0] == min(row.end[0] for rival, row in found["pinn"].items() if not rival.startswith("sqgn"))
    assert 33 < min(found["pinn"][name].end[0] for name in ("adam", "adamw")) / found["pinn"]["sqgn-m4"].end[0] < 37
    unet = {name: row.end[0] for name, row in found["unet"].items()}
    assert sorted(unet, key=unet.get)[:3] == ["lion", "adamw", "sqgn"]
    assert unet["sqgn"] / unet["lion"] - 1 < 0.002, "to within 0.2 %"
    tuned = [
        trial["loss"][-1] for trial in trials(results("rivals-unet"), "tuning", "sqgn")
        if trial["batch_size"] == 16 and trial["rate"] >= 0.03
    ]  # fmt: skip
    assert len(tuned) == 3
    assert max(tuned) / min(tuned) < 1.002
    before = {row["task"]: np.mean(row["loss"]) for row in results("limit")["races_before"]}
    assert f"limit before took it to {before['unet']:.1f}" in page
    assert 5.5 < before["pinn"] / lion.end[0] < 6, "nearly six times"
    mnist = {name: row.end[0] for name, row in found["mnist"].items()}
    assert min(mnist, key=mnist.get) == "adamw"
    assert f"{100 * (mnist['sqgn'] / mnist['adamw'] - 1):.0f} % above AdamW" in page
    assert max(mnist.values()) / min(mnist.values()) < 1.1


@pytest.mark.parametrize("task", sorted(RIVAL_TASKS))
def test_rivals_page_on_each_task(task):
    page, found = text("docs/rivals.md"), raced().get(task)
    if found is None:
        assert not re.search(rf"`{task}`, [\d.]+ s, \d+ seeds", page), "a result without its file"
        return
    file = results(f"rivals-{task}")
    assert set(found) == ONLY.get(task, set(RIVALS)), "all contenders"
    grids = [[row for row in file["rows"] if row["stage"] == "tuning" and row["contender"] == name] for name in found]
    assert {sum(len(row["trials"]) for row in rows if "rate" not in row) for rows in grids} == {6}, "one grid for all"
    assert max(sum("rate" in row for row in rows) for rows in grids) <= BEYOND
    seeds = {tuple(sorted(trial["seed"] for trial in of_seeds(file, name))) for name in found}
    assert len(seeds) == 1, "from the same seeds"
    assert rivals_table(task, found) in page
    assert f"`{task}`, {file['seconds']:g} s, {len(seeds.pop())} seeds" in page
