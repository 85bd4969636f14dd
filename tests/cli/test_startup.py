"""Starting costs nothing heavy: what takes long to import is imported when it is needed."""

import re

import pytest
import torch

HEAVY = {"torch", "torchvision", "numpy", "pydantic", "rich", "PIL", "matplotlib", "jinja2", "safetensors", "timm"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "ganzoo", "--help"),
        ("-m", "ganzoo", "--version"),
        ("-m", "ganzoo", "list"),
        ("-m", "ganzoo", "list", "wgan*", "--json"),
        *(("-m", "ganzoo", "list", "--kind", kind) for kind in ("models", "datasets", "losses", "networks")),
        ("-c", "import ganzoo; ganzoo.list_variants('wgan*')"),
    ],
    ids=" ".join,
)
def test_starting_imports_nothing_heavy(python, arguments):
    done = python("-X", "importtime", *arguments)
    assert done.returncode == 0, done.stderr
    imported = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "ganzoo" in imported and not imported & HEAVY


def test_every_command_has_help_with_an_example(cli):
    help_text = cli("--help").out
    commands = re.findall(r"^  (\w+)  +\S", help_text.partition("Commands:")[2], flags=re.MULTILINE)
    assert {"list", "info", "sample", "export"} <= set(commands)
    for command in commands:
        result = cli(command, "--help")
        assert result.code == 0 and f"ganzoo {command} " in result.out.partition("Usage:")[2].partition("\n")[2], (
            command
        )


def test_commands_import_nothing_heavy(python):
    done = python(
        "-c",
        "import sys, ganzoo.cli as c\n"
        "[c.ganzoo.get_command(None, name) for name in c.ganzoo.list_commands(None)]\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))",
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 9 bytes")],
)
def test_a_request_beyond_memory_is_one_sentence(error, cli, monkeypatch):
    def beyond(*args, **options):
        raise error

    monkeypatch.setattr("ganzoo.listing.entries", beyond)
    assert "out of memory; ask for fewer images or for smaller ones" in cli("list").sentence()


def test_a_mistake_of_ours_is_no_lack_of_memory(cli, monkeypatch):
    monkeypatch.setattr("ganzoo.listing.entries", lambda *args, **options: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):
        cli("list")


def test_a_terminal_without_utf_8_is_told_what_it_can_show(python):
    done = python(
        *("-m", "ganzoo", "train", "gan", "--dataset", "mnist-10k", "--steps", "1", "--out", "run", "--device", "cpu"),
        PYTHONIOENCODING="ascii",
    )
    assert done.returncode == 0 and "(10000 images, 28?28?1)" in done.stdout, done.stderr


def test_unknown_command_names_the_nearest(cli):
    result = cli("smaple")
    assert result.code == 2 and "did you mean sample" in result.err
