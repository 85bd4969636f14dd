"""Result files: read back as written, refused in one sentence if they are something else."""

from __future__ import annotations

import json

import pytest
from made import result, stored

from ganzoo.benchmark.results import Result, read_result, read_results, write_result
from ganzoo.errors import GanzooError

# A key that is added, renamed or dropped breaks the files that people keep: raise `format` and say so.
KEYS = {
    *("best", "best_step", "budget", "command", "commit", "config_hash", "cpu_seconds", "curves", "dataset", "date"),
    *(
        "format",
        "grid",
        "hardware",
        "images_seen",
        "kind",
        "expected",
        "outcome",
        "planned_steps",
        "protocol",
        "request",
        "row",
    ),
    *("scores", "scoring", "seed", "steps", "suite", "title", "variant", "versions", "wall_seconds", "weights_sha256"),
}


def test_the_keys_are_frozen_and_each_is_described():
    assert set(Result.model_fields) == KEYS
    assert all(field.description for field in Result.model_fields.values())


def test_a_result_is_read_as_it_was_written(tmp_path):
    path = write_result(result(), tmp_path)
    assert path.name == "dcgan-seed-0.result.json"
    assert read_result(path) == result()
    assert set(json.loads(path.read_text())) == KEYS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": 1}, "colour"),
        ({"seed": "three"}, "seed"),
        ({"scores": {"fid": {"value": 1}}}, "scores.fid"),
        ({"cpu_seconds": float("nan")}, "cpu_seconds"),
        ({"grid": "../grid.png"}, "grid"),
        ({"curves": [{"diversity": 0.5}]}, "an entry of curves has no step"),
        ({"scores": {}}, "it finished and has no scores"),
    ],
)
def test_other_files_are_refused_with_the_key_that_is_wrong(change, said, tmp_path):
    path = write_result(result(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(GanzooError, match=said) as error:
        read_result(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_a_file_that_is_named_twice_is_one_result(tmp_path):
    write_result(result(), tmp_path)
    assert len(read_results([tmp_path, tmp_path / ".." / tmp_path.name])) == 1


def test_a_torn_file_is_refused(tmp_path):
    path = write_result(result(), tmp_path)
    written = path.read_text()
    path.write_bytes(b"\xff\xfe" + written.encode())
    with pytest.raises(GanzooError, match="is no benchmark result"):
        read_result(path)
    value = next(iter(json.loads(written)["scores"].values()))["value"]
    path.write_text(written.replace(f'"value": {value}', '"value": NaN'))
    with pytest.raises(GanzooError, match="value: Input should be a finite number"):
        read_result(path)
    path.write_text(written[:100])
    with pytest.raises(GanzooError, match="is no benchmark result"):
        read_result(path)


def test_results_are_found_below_a_folder_and_nothing_else_is(tmp_path):
    stored(tmp_path / "a", result(seed=0), result(seed=1))
    stored(tmp_path / "b", result("gan"))
    (tmp_path / "a" / "config.json").write_text("{}")
    assert [each.name for _, each in read_results([tmp_path])] == ["dcgan-seed-0", "dcgan-seed-1", "gan-seed-0"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(GanzooError, match=r"there are no .*files"):
        read_results([tmp_path / "empty"])
    with pytest.raises(GanzooError, match="does not exist"):
        read_results([tmp_path / "nowhere"])
