import io
import zipfile

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty GANZOO_HOME of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("GANZOO_HOME", str(folder))
    monkeypatch.delenv("GANZOO_OFFLINE", raising=False)
    return folder


@pytest.fixture
def pixels():
    """Random pixels that PNG keeps exactly."""
    random = np.random.default_rng(0)
    return lambda *shape: random.integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def photos(tmp_path, pixels):
    """A folder of class folders: 3 cats and 2 dogs, 16x16 PNG; and their pixels in the order of packing."""
    arrays = []
    for label, count in (("cat", 3), ("dog", 2)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for index in range(count):
            arrays.append(pixels(16, 16, 3))
            Image.fromarray(arrays[-1]).save(tmp_path / "photos" / label / f"{index}.png")
    return tmp_path / "photos", np.stack(arrays)


@pytest.fixture(scope="session")
def encode():
    """Pixels → the bytes of an image file."""

    def bytes_of(array, kind="PNG", **options):
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, kind, **options)
        return buffer.getvalue()

    return bytes_of


@pytest.fixture
def zipped(tmp_path):
    """Members → a zip."""

    def make(members, name="images.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
        return tmp_path / name

    return make
