"""The page in a real browser: controls change pictures, and nothing is asked of other machines."""

import base64
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from tiny import configure

from ganzoo.games.base import create_game
from ganzoo.zoo import Model, save

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SHOWN = "[...document.querySelectorAll('.pictures img')].filter(i => i.offsetParent).map(i => i.src).join()"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium: the system's, or the one that playwright has installed."""
    driver = pytest.importorskip("playwright.sync_api")
    place = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with driver.sync_playwright() as tools:
        try:
            opened = tools.chromium.launch(executable_path=place, args=["--no-sandbox"])
        except driver.Error as error:
            pytest.skip(f"there is no browser: {error}")
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where a page is served that offers a tiny stylegan2 with two classes and a tiny pix2pix."""
    pytest.importorskip("gradio")
    folder = tmp_path_factory.mktemp("models")
    for variant, more in {"stylegan2": {"classes": 2, "conditional": True}, "pix2pix": {}}.items():
        config = configure(variant, **more)
        made = Model(config, create_game(config, networks=create_game(config).sampled), card=f"# Card of {variant}\n")
        save(made, folder / "runs" / variant / "model")
    command = [sys.executable, "-m", "ganzoo", "explore", "--port", "0", "--no-browser"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment) as server:
        yield server.stdout.readline().split()[0]
        server.terminate()


@pytest.fixture
def page(browser, address):
    """A window on the page; what it asked of other machines must be nothing."""
    window = browser.new_page()
    window.set_default_timeout(60_000)
    asked, complaints = [], []
    window.on("request", lambda request: asked.append(request.url))
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.goto(address)
    window.wait_for_selector("h1")
    yield window
    window.close()
    assert asked and not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert not complaints


def control(page, label):
    """The control of a label that is in sight."""
    return page.get_by_label(label, exact=True).filter(visible=True)


def choose(page, name):
    page.locator(".choice summary").click()
    page.get_by_role("link", name=name).click()
    page.wait_for_function("name => document.querySelector('.title p')?.textContent.includes(name)", arg=name)


def changed(page, act):
    """What is shown when it has changed after an act."""
    before = page.evaluate(SHOWN)
    act()
    page.wait_for_function(f"before => {{ const now = {SHOWN}; return now && now != before }}", arg=before)
    return page.evaluate(SHOWN)


def test_every_control_changes_the_images(page):
    choose(page, "runs/stylegan2")
    page.wait_for_function(f"{SHOWN} != ''")
    assert page.evaluate(SHOWN).count("data:image/png") == 16
    seen = [changed(page, lambda: control(page, "Seed").fill("5"))]
    seen.append(changed(page, lambda: page.get_by_test_id("1-radio-label").filter(visible=True).first.click()))
    slider = control(page, "range slider for Direction 1")
    seen.append(changed(page, lambda: slider.fill("3")))
    seen.append(changed(page, lambda: control(page, "range slider for Truncation").fill("0.5")))
    seen.append(changed(page, lambda: page.get_by_test_id("4-radio-label").filter(visible=True).first.click()))
    seen.append(changed(page, lambda: page.get_by_role("button", name="Back to the middle").click()))
    assert len(set(seen)) == len(seen) and seen[-1].count("data:image/png") == 4
    with page.expect_download() as download:
        page.get_by_role("link", name="Save all as one picture").click()
    assert download.value.suggested_filename == "stylegan2-seed5.png"
    with Image.open(download.value.path()) as image:
        assert image.size == (66, 66)


def test_ways_and_tables_and_the_card_have_tabs(page):
    choose(page, "runs/stylegan2")
    page.get_by_role("tab", name="Between two").click()
    page.wait_for_selector(".way img")
    changed(page, lambda: control(page, "range slider for How far").fill("0.9"))
    film = page.get_by_role("link", name="Save there and back as a GIF").get_attribute("href")
    assert base64.b64decode(film.partition(",")[2]).startswith(b"GIF89a")
    page.get_by_role("tab", name="Styles").click()
    page.wait_for_selector(".table img")
    page.get_by_role("tab", name="Model card").click()
    page.get_by_role("heading", name="Card of stylegan2").wait_for()


def test_an_image_that_is_dropped_is_translated(page, tmp_path):
    Image.radial_gradient("L").resize((80, 60)).convert("RGB").save(tmp_path / "mine.png")
    choose(page, "runs/pix2pix")
    page.wait_for_selector(".invitation")
    page.evaluate("Object.defineProperty(window, 'data', {value: new DataTransfer()})")
    page.evaluate(
        "text => data.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], 'mine.png', "
        "{type: 'image/png'}))",
        base64.b64encode((tmp_path / "mine.png").read_bytes()).decode(),
    )
    zone = page.locator(".controls button:has(input[type=file])")
    zone.dispatch_event("drop", {"dataTransfer": page.evaluate_handle("data")})
    page.wait_for_selector(".pair img")
    assert page.locator(".pair img").count() == 2
    changed(page, lambda: control(page, "Seed").fill("3"))
    changed(page, lambda: page.get_by_test_id("stretch-radio-label").click())


def test_it_fits_a_phone(browser, address):
    window = browser.new_page(viewport={"width": 390, "height": 844})
    window.set_default_timeout(60_000)
    window.goto(address)
    choose(window, "runs/stylegan2")
    window.wait_for_function(f"{SHOWN} != ''")
    assert window.evaluate("document.documentElement.scrollWidth") <= 390
    window.close()
