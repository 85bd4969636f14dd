"""Images cut into tiles, unscaled."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.decode import Geometry
from ganzoo.data.prepare import open_dataset, prepare
from ganzoo.errors import GanzooError


@pytest.fixture
def collection(tmp_path, pixels):
    """Images of several sizes in class folders, and their pixels."""
    sizes = {"a/wide.png": (20, 35), "a/small.png": (9, 40), "b/exact.png": (8, 8), "b/tall.png": (33, 16)}
    arrays = {name: pixels(*size, 3) for name, size in sizes.items()}
    for name, array in arrays.items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(tmp_path / "set" / name)
    return tmp_path / "set", arrays


def cut(array, size):
    """Row by row, from the middle."""
    rows, columns = array.shape[0] // size, array.shape[1] // size
    top, left = (array.shape[0] - rows * size) // 2, (array.shape[1] - columns * size) // 2
    return [
        array[top + r * size :, left + c * size :][:size, :size] for r in range(rows) for c in range(columns)
    ]  # fmt: skip


def test_every_whole_tile_is_kept_as_it_is_with_its_images_label(collection):
    folder, arrays = collection
    pack = open_dataset(folder, resolution=8, fit="tile")
    expected = [(tile, name[0]) for name in sorted(arrays) for tile in cut(arrays[name], 8)]
    assert pack.count == len(expected) == 8 + 5 + 1 + 8
    assert np.array_equal(pack.images.numpy(), np.stack([tile for tile, _ in expected]))
    assert [pack.classes[label] for label in pack.labels] == [label for _, label in expected]
    assert pack.info["fit"] == "tile" and pack.info["transform"] == "cut into tiles of 8x8"
    assert not pack.info["skipped"]["count"]


def test_images_smaller_than_a_tile_are_skipped_and_counted(collection):
    folder, _ = collection
    pack = open_dataset(folder, resolution=16, fit="tile")
    assert pack.count == 2 + 2
    assert pack.info["skipped"]["count"] == 2
    assert "a/small.png: 40x9 is less than a tile of 16x16" in pack.info["skipped"]["files"]
    with pytest.raises(GanzooError, match="less than a tile"):
        prepare(folder, resolution=12, fit="tile", strict=True)
    with pytest.raises(GanzooError, match=r"none of the 4 images .* less than a tile of 64x64"):
        open_dataset(folder, resolution=64, fit="tile")


def test_tiles_and_scaled_images_are_packs_of_their_own(collection, photos):
    folder, _ = collection
    assert open_dataset(folder, resolution=8, fit="tile").count == 22
    assert open_dataset(folder, resolution=8).count == 4
    square, images = photos
    assert open_dataset(square, resolution=8).count == 5
    tiles = open_dataset(square, resolution=8, fit="tile")
    assert tiles.count == 20 and np.array_equal(tiles.images[0].numpy(), images[0][:8, :8])
    assert open_dataset(square, resolution=8).count == 5
    assert open_dataset(square, resolution=8, fit="tile").folder == tiles.folder


def test_tiles_of_a_pack_keep_their_labels(photos):
    """Also where they are derived from a pack that holds the originals."""
    folder, images = photos
    whole = open_dataset(folder)
    tiles = open_dataset(whole.folder, resolution=8, fit="tile")
    assert tiles.labels.tolist() == np.repeat(whole.labels.numpy(), 4).tolist()
    assert np.array_equal(tiles.images.numpy(), np.concatenate([cut(image, 8) for image in images]))


def test_images_of_the_tiles_size_are_their_own_pack(photos):
    folder, _ = photos
    assert open_dataset(folder, resolution=16, fit="tile").folder == open_dataset(folder).folder


def test_gray_tiles():
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    tiles = Geometry(4, 4, 1, "tile").pieces(image)
    assert tiles.shape == (4, 4, 4, 1) and tiles[3, 0, 0, 0] == 36
    assert Geometry(4, 4, 3, "tile").pieces(image).shape == (4, 4, 4, 3)


def test_what_has_no_tiles_is_refused(photos, tmp_path, pixels):
    folder, _ = photos
    with pytest.raises(GanzooError, match="smaller than a tile of 32x32; give a smaller --resolution, or --fit crop"):
        open_dataset(folder, resolution=32, fit="tile")
    (tmp_path / "pairs").mkdir()
    Image.fromarray(pixels(8, 16, 3)).save(tmp_path / "pairs" / "0.png")
    with pytest.raises(GanzooError, match="pairs, which cannot be cut"):
        open_dataset(tmp_path / "pairs", resolution=4, fit="tile", kinds=("pairs",))
