"""``ganzoo sample``"""

import os
import signal

import av
import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.sampling import _save_walk, default_out, save_samples
from ganzoo.zoo import to_images


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_grid_holds_the_samples_in_order(cli, tiny_model_dir, tiny_model):
    result = cli("sample", tiny_model_dir, "-n", 9, "--seed", 5, "--out", "deep/grid.png")
    assert result.code == 0 and result.out == "deep/grid.png\n"
    grid = np.asarray(Image.open("deep/grid.png").convert("L"))
    assert grid.shape == (3 * 18 + 2, 3 * 18 + 2)
    for i, image in enumerate(tiny_model.images(9, seed=5)):
        row, column = divmod(i, 3)
        part = grid[2 + 18 * row : 18 + 18 * row, 2 + 18 * column : 18 + 18 * column]
        assert (part == np.asarray(image)).all()


def test_grid_replaces_an_older_one_and_leaves_nothing_else(cli, tiny_model_dir, folder):
    pictures = []
    for seed in (0, 1, 0):
        cli("sample", tiny_model_dir, "-n", 4, "--seed", seed, "--out", "grid.png")
        pictures.append((folder / "grid.png").read_bytes())
    assert pictures[0] == pictures[2] != pictures[1]
    assert [file.name for file in folder.iterdir()] == ["grid.png"]


def test_folder_holds_sample_i_of_the_seed_in_file_i(cli, tiny_model_dir, tiny_model, folder):
    assert cli("sample", tiny_model_dir, "-n", 70, "--seed", 3, "--out", "out/").code == 0
    files = sorted((folder / "out").iterdir())
    assert [file.name for file in files] == [f"{i:05d}.png" for i in range(70)]
    for i in (0, 1, 63, 64, 69):
        alone = to_images(tiny_model.game.sample(1, seed=3, start=i))[0]
        assert np.abs(np.asarray(Image.open(files[i]), int) - np.asarray(alone, int)).max() <= 1


@pytest.mark.parametrize("out", ["existing", "new", "new/", "a/b/new"])
def test_folders_are_recognised(cli, tiny_model_dir, folder, out):
    (folder / "existing").mkdir()
    assert cli("sample", tiny_model_dir, "-n", 2, "--out", out).code == 0
    assert len(list((folder / out).glob("*.png"))) == 2


def test_folder_with_something_in_it_is_refused_and_kept(cli, tiny_model_dir, folder):
    (folder / "full").mkdir()
    (folder / "full" / "00000.png").write_text("somebody's data")
    assert "not empty" in cli("sample", tiny_model_dir, "--out", "full").sentence()
    assert (folder / "full" / "00000.png").read_text() == "somebody's data"


def test_walk_loops_with_16_frames_a_point(cli, tiny_model_dir):
    assert cli("sample", tiny_model_dir, "--interpolate", 3, "--out", "walk.gif").out == "walk.gif\n"
    walk = Image.open("walk.gif")
    assert walk.n_frames == 48 and walk.info["loop"] == 0 and walk.size == (128, 128)


def test_walk_as_a_film_shows_the_same_frames(cli, tiny_model_dir, tiny_model):
    arguments = ["--interpolate", 2, "--fps", 8, "--seed", 3]
    assert cli("sample", tiny_model_dir, *arguments, "--out", "walk.mp4").out == "walk.mp4\n"
    with av.open("walk.mp4") as film:
        stream = film.streams.video[0]
        assert stream.average_rate == 8 and stream.codec_context.pix_fmt == "yuv420p"
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(stream)]
    walk = to_images(tiny_model.interpolate(2, 16, seed=3))
    assert len(frames) == 32 and frames[0].shape == (128, 128)
    for frame, expected in zip(frames, walk, strict=True):
        assert np.abs(frame[4::8, 4::8].astype(int) - np.asarray(expected, int)).mean() < 12


def test_fps_is_a_gifs_pace_too(cli, tiny_model_dir):
    cli("sample", tiny_model_dir, "--interpolate", 2, "--fps", 25, "--out", "walk.gif")
    assert Image.open("walk.gif").info["duration"] == 40


@pytest.mark.parametrize("fps", [16, 24, 30, 50])
def test_a_gif_lasts_as_long_as_its_pace_says(cli, tiny_model_dir, fps):
    cli("sample", tiny_model_dir, "--interpolate", 3, "--fps", fps, "--out", "walk.gif")
    walk = Image.open("walk.gif")
    assert walk.n_frames == 48
    lasts = [walk.seek(i) or walk.info["duration"] for i in range(48)]
    assert sum(lasts) == pytest.approx(48_000 / fps, abs=10) and min(lasts) >= 20


def test_film_of_odd_sides_is_made_even(tmp_path):
    path = _save_walk(torch.zeros(2, 3, 129, 129), tmp_path / "odd.mp4", ".mp4", 4)
    with av.open(str(path)) as film:
        assert [(frame.width, frame.height) for frame in film.decode(video=0)] == [(258, 258)] * 2


def test_film_without_pyav_names_what_to_install(cli, tiny_model_dir, folder, monkeypatch):
    monkeypatch.setattr("ganzoo.sampling.find_spec", lambda name: None)
    said = cli("sample", tiny_model_dir, "--interpolate", 2, "--out", "walk.mp4").sentence()
    assert "pip install 'torch-ganzoo[video]'" in said and list(folder.iterdir()) == []


def test_default_name_says_model_and_seed(cli, tiny_model_dir):
    assert cli("sample", tiny_model_dir, "-n", 1, "--seed", 8).out == "tiny-seed8.png\n"
    assert cli("sample", tiny_model_dir, "--interpolate", 2).out == "tiny-seed0.gif\n"


def test_default_name_of_a_run_is_the_runs(folder):
    (folder / "runs/dcgan-cats-1/model").mkdir(parents=True)
    (folder / "runs/dcgan-cats-1/model/model.safetensors").touch()
    for place in ("runs/dcgan-cats-1", "runs/dcgan-cats-1/model", "runs/dcgan-cats-1/model/model.safetensors"):
        assert str(default_out(place, 2, walk=False)) == "dcgan-cats-1-seed2.png"


def test_labels_are_taken_in_turn_with_a_column_each(cli, conditional_model_dir, conditional_model):
    arguments = ["--label", "owl", "--label", "cat", "-n", 6, "--out", "grid.png"]
    assert cli("sample", conditional_model_dir, *arguments).code == 0
    assert Image.open("grid.png").size == (2 * 18 + 2, 3 * 18 + 2)
    cli("sample", conditional_model_dir, "--label", "owl", "--label", "cat", "-n", 6, "--out", "out")
    expected = conditional_model.images(6, label=["owl", "cat"] * 3)
    for i, image in enumerate(expected):
        assert np.abs(np.asarray(Image.open(f"out/{i:05d}.png"), int) - np.asarray(image, int)).max() <= 1


def test_truncation_and_label_change_the_picture(conditional_model, folder):
    save_samples(conditional_model, "a.png", n=4, labels=["cat"])
    save_samples(conditional_model, "b.png", n=4, labels=["dog"])
    save_samples(conditional_model, "c.png", n=4, labels=["cat"], truncation=0.5)
    assert len({(folder / f"{name}.png").read_bytes() for name in "abc"}) == 3


def test_walk_takes_labels(conditional_model):
    assert Image.open(save_samples(conditional_model, "w.gif", points=2, labels=["cat", "owl"])).n_frames == 32


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--out", "x.jpg"], ".png for a grid"),
        (["--out", "x.png", "--interpolate", 4], "let --out end in .gif or .mp4"),
        (["--out", "x.png", "--fps", 4], "let --out end in .gif or .mp4"),
        (["--out", "x.mp4", "-n", 4], "--interpolate instead of -n"),
        (["--out", "x.gif", "-n", 4], "--interpolate instead of -n"),
        (["--out", "x.gif", "--interpolate", 2, "--fps", 60], "at most 50 frames a second"),
        (["--out", "x.png", "-n", 1_600_000], "1,600,000 images of 16x16 are too many for one picture; let --out end"),
        (["--out", "x.gif", "--interpolate", 100_000], "walk through fewer samples"),
        (["--out", "x.png", "--style-mix", 2000], "mix fewer styles"),
        (["--label", "cat"], "trained without labels"),
        (["--out", "taken/x.png"], "cannot write taken/x.png"),
        (["--out", "taken/x/"], "cannot write"),
        (["--out", "taken/"], "is a file"),
        (["--device", "warp"], "unknown device 'warp'"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(cli, tiny_model_dir, folder, arguments, expected):
    (folder / "taken").write_text("a file")
    assert expected in cli("sample", tiny_model_dir, *arguments).sentence()
    assert [file.name for file in folder.iterdir()] == ["taken"]


def test_unknown_label_names_the_nearest(cli, conditional_model_dir):
    assert "did you mean cat" in cli("sample", conditional_model_dir, "--label", "cta").sentence()


def test_unknown_model_names_the_nearest_folder(cli, tiny_model_dir, monkeypatch):
    monkeypatch.chdir(tiny_model_dir.parent)
    assert "did you mean tiny" in cli("sample", "tinny").sentence()


@pytest.mark.parametrize("arguments", [["-n", "0"], ["-n", "x"], ["--interpolate", "1"], ["--truncation", "-1"]])
def test_numbers_out_of_range_are_usage_errors(cli, tiny_model_dir, arguments):
    assert cli("sample", tiny_model_dir, *arguments).code == 2


def test_a_terminated_command_leaves_nothing_half_written(cli, tiny_model_dir, folder, monkeypatch):
    def terminated(*args, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        yield from ()

    monkeypatch.setattr("ganzoo.model.Model.batches", terminated)
    before = signal.getsignal(signal.SIGTERM)
    said = cli("sample", tiny_model_dir, "-n", 99, "--out", "out/")
    assert (said.code, said.err) == (143, "ganzoo: terminated\n") and list(folder.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_interrupted_folder_is_not_left_half_written(tiny_model, folder, monkeypatch):
    batches = tiny_model.batches

    def interrupted(*args, **options):
        yield next(batches(*args, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(tiny_model, "batches", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_samples(tiny_model, "out", n=128)
    assert list(folder.iterdir()) == []
