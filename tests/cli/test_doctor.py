"""``ganzoo doctor``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

import ganzoo.doctor


def test_a_sound_installation_has_no_trouble(cli, home):
    result = cli("doctor", "--json")
    found = json.loads(result.out)
    assert result.code == 0 and found["troubles"] == []
    assert found["facts"]["torch"] == torch.__version__.partition("+")[0] and found["facts"]["home"] == str(home)


def test_an_old_package_is_named_with_the_cure(cli, monkeypatch):
    versions = {"torch-fidelity": "0.3.0", "torch": "2.6.0+cpu"}
    monkeypatch.setattr(ganzoo.doctor, "version", lambda name: versions.get(name, "9.9"))
    result = cli("doctor")
    assert result.code == 1
    assert "torch-fidelity 0.3.0 is too old" in result.out and "torch-fidelity>=0.4" in result.out
    assert "torch 2.6" not in result.out.partition("trouble:")[2]


def test_a_package_that_fails_to_import_is_named(cli, monkeypatch):
    monkeypatch.setattr(ganzoo.doctor, "IMPORTS", ("no_such_package_anywhere",))
    result = cli("doctor")
    assert result.code == 1 and "no_such_package_anywhere cannot be imported" in result.out


def test_a_home_that_cannot_be_written_to_is_named(cli, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "file"))
    result = cli("doctor")
    assert result.code == 1 and "set GANZOO_HOME" in result.out


def test_versions_that_do_not_belong_together_are_noted_and_break_nothing(cli, monkeypatch):
    versions = {"torch": "2.9.1+cpu", "torchvision": "0.21.0", "ganzoo": "0.0.2"}
    monkeypatch.setattr(ganzoo.doctor, "version", lambda name: versions.get(name, "9.9"))
    result = cli("doctor")
    assert result.code == 0
    assert "torch 2.9.1+cpu goes with torchvision 0.24, not 0.21.0" in result.out
    assert "pip uninstall ganzoo" in result.out


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="older torch has one setting, not two")
def test_mixed_tf32_settings_are_trouble():
    code = (
        "import torch, ganzoo.doctor\n"
        "torch.backends.cudnn.conv.fp32_precision = 'ieee'\n"
        "torch.backends.cudnn.rnn.fp32_precision = 'tf32'\n"
        "print(ganzoo.doctor.examine().troubles)"
    )
    # Its own process: these settings are torch's globals.
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "allow_tf32" in out


def test_what_an_extra_would_add_is_noted_with_its_name(cli, monkeypatch):
    monkeypatch.setattr("ganzoo.doctor._version", lambda name: None if name.startswith("onnx") else "9.9.9")
    said = cli("doctor")
    assert "needs onnx and onnxscript; pip install 'torch-ganzoo[onnx]'" in said.out + said.err


def test_more_threads_than_processors_are_noted(cli, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4096)
    assert "set OMP_NUM_THREADS=" in cli("doctor").out
