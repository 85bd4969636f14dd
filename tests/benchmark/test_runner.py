"""Running jobs: each in a process, skipped when done, resumed when killed, stopped when time is up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made import of_own, result, score, suite_file
from PIL import Image
from tiny import tiny, two_sided

from ganzoo.benchmark import runner
from ganzoo.benchmark.formats import markdown
from ganzoo.benchmark.lock import locked
from ganzoo.benchmark.outdated import outdated
from ganzoo.benchmark.results import Score, read_result, read_results, write_result
from ganzoo.benchmark.runner import BUSY, Left, log_file, run_jobs
from ganzoo.benchmark.suite import find_job, jobs, read_suite
from ganzoo.benchmark.tables import tables
from ganzoo.benchmark.work import better, has_result, result_file, retell, work
from ganzoo.errors import GanzooError


@pytest.fixture
def suite(tmp_path):
    return read_suite(suite_file(tmp_path))


@pytest.fixture
def play(monkeypatch, tmp_path, suite):
    """Run the suite with processes that run ``code``, whose ``name`` is the job's; returns what was said."""

    def run(code, *, at_once=1, seconds=None):
        prepared = "import sys, time, pathlib; name, out = sys.argv[1], pathlib.Path(sys.argv[2])\n"
        command = lambda job, source, out: [sys.executable, "-S", "-c", prepared + code, job.name, str(out)]  # noqa: E731
        monkeypatch.setattr(runner, "job_command", command)
        said: list[str] = []
        left = run_jobs(jobs(suite), "own", tmp_path / "out", at_once=at_once, seconds=seconds, say=said.append)
        return left, said

    return run


DONE = "(out / f'{name}.result.json').write_text('{}'); print('hello from', name)"


def test_every_job_has_a_process_and_a_log(play, suite, tmp_path):
    left, said = play(DONE)
    assert left == Left(0, 0) and said[0].startswith("5 jobs, 0 done before, 5 to do")
    for job in jobs(suite):
        assert f"hello from {job.name}" in log_file(job, tmp_path / "out").read_text()


def test_jobs_with_a_result_are_skipped(play, suite, tmp_path):
    (tmp_path / "out").mkdir()
    write_result(of_own("gan"), tmp_path / "out")
    _, said = play(DONE)
    assert "1 done before, 4 to do" in said[0] and not any(line.startswith("gan-seed-0") for line in said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budget": "3 steps"}, "of its budget;"),
        ({"scoring": {"metrics": ["kid"]}}, "of its scoring;"),
        ({"request": {"variant": "gan", "dataset": "mnist-10k", "resolution": 28, "seed": 0}}, "of its preset;"),
    ],
)
def test_a_result_of_a_suite_that_said_otherwise_is_refused(suite, tmp_path, changes, said):
    write_result(of_own("gan", **changes), tmp_path)
    with pytest.raises(GanzooError, match=f"gan-seed-0.result.json was made when the suite said otherwise {said}"):
        has_result(find_job(suite, "gan-seed-0"), tmp_path)


def test_results_of_another_suite_and_data_of_another_size_are_refused(suite, tmp_path):
    job = next(job for job in jobs(suite) if job.seed is None)
    real = {"kind": "data", "variant": None}
    write_result(of_own(job.row, **real), tmp_path)
    assert has_result(job, tmp_path)
    write_result(of_own(job.row, **real, suite="renamed"), tmp_path)
    with pytest.raises(GanzooError, match="of its suite;"):
        has_result(job, tmp_path)
    scores = {
        name: score.model_copy(update={"real": {"resolution": [16, 16]}})
        for name, score in of_own("gan").scores.items()
    }
    write_result(of_own(job.row, **real, scores=scores), tmp_path)
    with pytest.raises(GanzooError, match="of its resolution;"):
        has_result(job, tmp_path)


def test_calibrations_are_as_some_row_of_their_data_wants_them(tmp_path):
    kid = {"variant": "dcgan", "name": "kid", "scoring": {"metrics": ["kid"]}}
    suite = read_suite(suite_file(tmp_path, cells=["gan", kid]))
    data = {"kind": "data", "suite": "own", "dataset": "mnist-10k"}
    job = jobs(suite)[0]
    write_result(result("real-halves-mnist-10k", scoring={"metrics": ["kid"]}, **data), tmp_path)
    assert job.seed is None and has_result(job, tmp_path)
    write_result(result("real-halves-mnist-10k", scoring={"metrics": ["is"]}, **data), tmp_path)
    with pytest.raises(GanzooError, match="otherwise of its scoring"):
        has_result(job, tmp_path)


def test_a_job_that_fails_leaves_the_others_alone(play, tmp_path):
    left, said = play(f"if name == 'gan-seed-0': print('working\\nError: because\\n'); sys.exit(7)\n{DONE}")
    assert left == Left(1, 1)
    (line,) = [line for line in said if "failed" in line]
    assert "gan-seed-0: failed with exit code 7" in line and "log.txt" in line
    assert said[said.index(line) + 1] == "  Error: because"


def test_a_job_of_another_process_is_left_to_it(play):
    left, said = play(f"if name == 'gan-seed-0': sys.exit({BUSY})\n{DONE}")
    assert left == Left(1, 0, busy=1) and "gan-seed-0: another process is at it" in said


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ({"dataset": "mnist-10q"}, "unknown dataset 'mnist-10q'; did you mean mnist-10k"),
        ({"dataset": "./nowhere"}, "no file or folder .*nowhere"),
        ({"dataset": "ffhq"}, "data prepare ffhq --from"),
        ({"dataset": "mnist", "scoring": {"split": "val"}}, "no split 'val'"),
        ({"variant": "srgan", "scoring": {"metrics": ["psnr-y"], "sets": [{"dataset": "a.zip"}]}}, "no file .*a.zip"),
    ],
)
def test_missing_data_are_told_before_anything_is_begun(cell, said, tmp_path):
    suite = read_suite(suite_file(tmp_path, cells=["dcgan", {"variant": "gan"} | cell]))
    with pytest.raises(GanzooError, match=said):
        run_jobs(jobs(suite), "own", tmp_path / "out", at_once=1, seconds=None, say=print)
    assert not (tmp_path / "out").exists()


def test_what_nobody_measured_is_brought_up_to_date(suite, tmp_path):
    """A suite's words and the bands of its rows."""
    write_result(of_own("gan"), tmp_path)
    band = {"low": 1, "high": 2, "source": "somebody"}
    cells = [{"variant": "gan", "expected": band}]
    changed = read_suite(suite_file(tmp_path, cells=cells, title="New title", about="New words."))
    retell(changed, jobs(changed), tmp_path)
    found = read_result(tmp_path / "gan-seed-0.result.json")
    assert found.expected and found.expected.model_dump() == band
    (table,) = tables(read_results([tmp_path]))
    assert (table.title, table.about) == ("New title", "New words.")


def test_several_run_at_once(play):
    began = time.monotonic()
    assert play(f"time.sleep(0.6); {DONE}", at_once=5)[0] == Left(0, 0)
    assert time.monotonic() - began < 2.5


def test_when_time_is_up_jobs_are_asked_to_stop_and_no_other_begins(play):
    left, said = play("time.sleep(60)", seconds=0.3)
    assert left == Left(5, 0)
    assert [line.split(":")[0] for line in said if "stopped" in line] == ["real-halves-mnist-10k-seed-0"]


def test_no_time_begins_nothing(play):
    left, said = play(DONE, seconds=0)
    assert left == Left(5, 0) and len(said) == 1


def test_a_job_is_done_by_one_process_at_a_time(tmp_path, suite):
    job = find_job(suite, "gan-seed-0")
    with locked(tmp_path / "jobs" / job.name) as mine:
        assert mine
        assert work(job, tmp_path) is None


def test_a_killed_process_leaves_no_lock(tmp_path):
    code = (
        "import sys, time, pathlib; from ganzoo.benchmark.lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1])) as mine: print(mine, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "True\n"
    with locked(tmp_path) as mine:
        assert not mine
    process.kill()
    process.wait()
    with locked(tmp_path) as mine:
        assert mine


@pytest.fixture
def tiny_suite(tmp_path, monkeypatch):
    """A suite of one tiny row on a few images, scored in a moment."""
    monkeypatch.setattr("ganzoo.training.session.write_report", lambda run: None)

    def make(variant, data, **scoring):
        cell = {
            "variant": variant,
            "dataset": str(data),
            "overrides": tiny(variant) | {"schedule.checkpoint_every": 1},
            "budget": {"steps": 4},
            "scoring": {"metrics": ["fid"], "extractor": "mnist-classifier", "n": 8} | scoring,
            "device": "cpu",
            "seeds": [3],
        }
        return read_suite(suite_file(tmp_path, defaults={"resolution": 32}, cells=[cell]))

    return make


@pytest.fixture
def digits(tiny_suite, tmp_path):
    """A suite of the simplest row."""
    return tiny_suite("gan", images(tmp_path / "digits"))


def images(folder: Path, classes: tuple[str, ...] = ("",)) -> Path:
    """Noise in a folder, or in one for each class."""
    for number in range(24):
        place = folder / classes[number % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def test_a_job_leaves_a_result_that_tells_how_to_repeat_it(digits, tmp_path, capsys):
    path = work(find_job(digits, "gan-seed-3"), tmp_path / "out")
    found = read_result(path)
    assert (found.suite, found.row, found.seed, found.steps, found.outcome) == ("own", "gan", 3, 4, "finished")
    assert found.scores["fid"].value > 0 and found.scores["fid"].fake["count"] == 8
    assert found.command.startswith("ganzoo train gan --dataset") and "--steps 4" in found.command
    assert found.request["steps"] == 4 and found.scoring["n"] == 8
    assert found.cpu_seconds > 0 and len(found.weights_sha256) == len(found.config_hash) == 64
    assert (path.parent / found.grid).is_file() and found.curves[-1]["step"] == 4
    assert list(outdated(jobs(digits), tmp_path / "out")) == []


def test_a_killed_job_goes_on_and_ends_as_if_nothing_had_happened(digits, tmp_path, monkeypatch, capsys):
    job = find_job(digits, "gan-seed-3")
    whole = read_result(work(job, tmp_path / "whole"))
    _train_until(2, job, tmp_path / "cut" / "jobs" / job.name / "run")
    resumed = read_result(work(job, tmp_path / "cut"))
    assert resumed.weights_sha256 == whole.weights_sha256
    assert resumed.scores["fid"].value == whole.scores["fid"].value


def test_labels_are_no_obstacle(tiny_suite, tmp_path, capsys):
    suite = tiny_suite("cgan", images(tmp_path / "labelled", classes=("a", "b")))
    found = read_result(work(find_job(suite, "cgan-seed-3"), tmp_path / "out"))
    assert found.scores["fid"].value > 0 and found.scores["fid"].fake["labels"] == "data"


def test_translators_are_scored_on_what_they_have_not_seen(tiny_suite, tmp_path, capsys):
    pairs = two_sided(tmp_path / "pairs", "pairs")
    suite = tiny_suite("pix2pix", pairs, metrics=["ssim", "psnr", "fid"], split="test")
    real, found = (read_result(work(job, tmp_path / "out")) for job in jobs(suite))
    assert (real.title, list(real.scores)) == ("real train images", ["fid"])  # of three images there are no halves
    assert real.scores["fid"].fake["count"] == real.scores["fid"].real["count"] == 3
    assert list(found.scores) == ["ssim", "psnr", "fid"] and found.scores["psnr"].real["split"] == "test"
    assert markdown(tables([(tmp_path / "x", found)])).count("| SSIM") == 1


def test_enlargers_are_scored_on_several_sets_beside_the_filter(tiny_suite, tmp_path, capsys):
    faces, others = images(tmp_path / "faces"), images(tmp_path / "others")
    sets = [{"dataset": str(faces), "split": "train"}, {"dataset": str(others), "split": "train"}]
    suite = tiny_suite("srgan", faces, metrics=["psnr-y", "perceptual"], sets=sets)
    assert [job.name.startswith("bicubic-") for job in jobs(suite)] == [True, False]
    bicubic, model = (read_result(work(job, tmp_path / "out")) for job in jobs(suite))
    names = ["psnr-y@faces", "perceptual@faces", "psnr-y@others", "perceptual@others"]
    assert list(bicubic.scores) == list(model.scores) == names
    assert (bicubic.kind, bicubic.dataset, model.dataset) == ("data", "faces", "faces")
    assert bicubic.scores["psnr-y@others"].value > model.scores["psnr-y@others"].value
    table = markdown(tables([(tmp_path / "x", bicubic), (tmp_path / "x", model)]))
    assert "PSNR-Y others ↑" in table and "| bicubic |" in table and "‡" not in table


def test_the_data_themselves_are_rows_too(digits, tmp_path, capsys):
    job = jobs(digits)[0]
    assert work(job, tmp_path) == result_file(job, tmp_path)
    found = read_result(result_file(job, tmp_path))
    assert (found.kind, found.variant, found.steps) == ("data", None, None)
    assert found.scores["fid"].value >= 0


def _train_until(step: int, job, run: Path) -> None:
    import ganzoo
    from ganzoo.benchmark.work import options

    ganzoo.train(**options(job.cell.request(job.seed)), device="cpu", out=run, stop_at=step, quiet=True)


@pytest.mark.slow
def test_a_suite_survives_kill_minus_nine(tmp_path):
    command = [sys.executable, "-m", "ganzoo", "bench", "run", "smoke", "--only", "gan-seed-0", "--out", str(tmp_path)]
    first = subprocess.Popen(command, start_new_session=True)
    samples = tmp_path / "jobs" / "gan-seed-0" / "run" / "samples"
    while len(list(samples.glob("*.png"))) < 2:  # a checkpoint follows each
        time.sleep(0.1)
    for process in _descendants(first.pid):
        os.kill(process, signal.SIGKILL)
    first.wait()
    assert subprocess.run(command, check=True) and (tmp_path / "gan-seed-0.result.json").is_file()
    log = (tmp_path / "jobs" / "gan-seed-0" / "log.txt").read_text()
    assert "from step" in log


def _descendants(parent: int) -> list[int]:
    """A process and all below it, itself first, so that it cannot start others. Linux."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *(each for child in children for each in _descendants(int(child)))]


def test_the_last_checkpoint_may_be_better_than_the_best_while_training():
    """A run that its time ended was not scored at its end."""
    earlier, last = (
        {"best": {"fid": Score.model_validate(score(fid))}, "best_step": n} for n, fid in ((5, 9.0), (9, 3.0))
    )
    assert better(earlier, last) == last and better(last, earlier) == last and better(earlier, earlier) == earlier
    others = [{"best": {"psnr": Score.model_validate(score(1.0, "psnr"))}, "best_step": n} for n in (5, 9)]
    assert better(*others) == others[0]
