"""``ganzoo doctor``."""

from __future__ import annotations

import json

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
