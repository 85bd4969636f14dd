"""Every block of the README and the pages in docs/ is run, or says why it is not."""

import click
import numpy as np
import pytest
from hub_server import running
from huggingface_hub import constants
from pages import MARKS, PAGES, SHELLS, Block, Reader, blocks, parsed, strangers_apart
from PIL import Image
from tiny import two_sided

from ganzoo.config import parse_overrides, resolve
from ganzoo.variants import is_variant_file

RUN = ("python", *SHELLS)


def names(pages):
    return {"argvalues": pages, "ids": [page.name for page in pages]}


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """Where data sets are prepared, once for all pages."""
    return tmp_path_factory.mktemp("packs")


@pytest.fixture(scope="module")
def hub(tiny_model_dir):
    """A model hub on this machine, with a model."""
    with running() as hub:
        hub.put("me/dcgan-cats", tiny_model_dir)
        yield hub


@pytest.fixture
def reader(tmp_path, packs, hub, cli, monkeypatch):
    """Somebody with a home that has photos and pairs in it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 36, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    two_sided(tmp_path / "pairs", "pairs", train=(3, 3))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.setenv("GANZOO_HOME", str(packs))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("os.fsync", lambda handle: None)
    with strangers_apart(tmp_path):
        yield lambda page: Reader(page, tmp_path, cli, monkeypatch)


def read(reader, page, *, slow):
    somebody = reader(page)
    for block in blocks(page):
        if not block.skipped and (slow or not block.slow):
            somebody.do(block)


@pytest.mark.parametrize("page", **names(PAGES))
def test_blocks_do_what_the_page_says(page, reader):
    read(reader, page, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", **names([page for page in PAGES if any(block.slow for block in blocks(page))]))
def test_slow_blocks_do_too(page, reader):
    read(reader, page, slow=True)


@pytest.mark.parametrize("page", **names(PAGES))
def test_comments_before_blocks_are_understood_and_data_has_a_file(page):
    for block in blocks(page):
        place = f"{page.name}:{block.line}"
        assert MARKS.fullmatch(block.mark), f"{place}: <!-- {block.mark} --> says nothing that tests/pages.py knows"
        assert block.language in RUN or block.mark, f"{place}: <!-- file: name --> or <!-- not run: why --> is missing"


@pytest.mark.parametrize("page", **names(PAGES))
def test_commands_have_the_options_that_are_shown(page):
    for block in blocks(page):
        for words in block.commands() if block.language in SHELLS else ():
            if words[0] == "ganzoo":
                check(words, f"{page.name}:{block.line}")


def check(words, place):
    """Refuse what a command has not, and variants and overrides that cannot be."""
    try:
        given = parsed(words).params
    except click.UsageError as error:
        pytest.fail(f"{place}: {' '.join(words)}: {error.message}")
    variant = given.get("variant")
    if variant and not is_variant_file(variant):
        resolve(variant, preset=given["preset"], overrides=parse_overrides(given["overrides"]))


def test_the_reader_stops_at_what_fails(reader, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ ganzoo list wgan* --json  # fine\n[…]\n```\n\n<!-- file: a.py -->\n\n```python\nx = 2\n```\n"
        "```python\nfrom a import x\nassert x == 1, 'wrong'\n```\n\n<!-- not run: no -->\n```sh\nmake \\\n  tea\n```\n"
    )
    first, second, third, fourth = blocks(page)
    assert first.commands() == [["ganzoo", "list", "wgan*", "--json"]] and fourth.commands() == [["make", "tea"]]
    assert (second.mark, second.line, fourth.skipped) == ("file: a.py", 9, True)
    somebody = reader(page)
    somebody.do(first)
    somebody.do(second)
    with pytest.raises(AssertionError, match="wrong") as failure:
        somebody.do(third)
    assert failure.traceback[-1].lineno + 1 == 13
    with pytest.raises(AssertionError, match=r"page.md:18: make tea: only ganzoo"):
        somebody.do(fourth)
    with pytest.raises(AssertionError, match="unknown variant 'wgam'"):
        somebody.do(Block("sh", "ganzoo train wgam --dataset mnist-10k", "", 1))


def test_my_gan_is_as_short_as_its_title_says():
    (page,) = (page for page in PAGES if page.name == "your-own-gan.md")
    assert page.read_text().startswith("# Add your own GAN in 30 lines\n")
    assert len([line for line in blocks(page)[0].text.splitlines() if line.strip()]) <= 30
