"""Batches: every image once an epoch, whatever is asked for when and by whom."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from ganzoo import random
from ganzoo.data.loader import Loader, to_float


def images(count=10, size=4, channels=1):
    """Each image is filled with its own number."""
    numbers = torch.arange(count, dtype=torch.uint8)
    pixels = numbers[:, None, None, None].expand(count, size, size, channels).contiguous()
    return SimpleNamespace(count=count, images=pixels, labels=numbers.long() % 3)


def loader(batch_size=3, *, count=10, fields=("images", "labels"), **options):
    return Loader(images(count), fields, batch_size, **options)


def test_an_epoch_shows_every_image_once():
    data = loader(batch_size=5)
    for epoch in range(3):
        seen = torch.cat([data.index(2 * epoch + half) for half in range(2)])
        assert sorted(seen.tolist()) == list(range(10))


def test_epochs_have_orders_of_their_own():
    data = loader(batch_size=10)
    orders = [tuple(data.index(epoch).tolist()) for epoch in range(5)]
    assert len(set(orders)) == 5
    assert orders == [tuple(loader(batch_size=10).index(epoch).tolist()) for epoch in range(5)]
    assert orders[0] != tuple(loader(batch_size=10, seed=1).index(0).tolist())


def test_batches_run_across_the_ends_of_epochs():
    seen = torch.cat([loader(batch_size=3).index(number) for number in range(10)]).tolist()
    assert [sorted(seen[start : start + 10]) for start in (0, 10, 20)] == [list(range(10))] * 3


def test_a_batch_may_be_larger_than_the_data():
    index = loader(batch_size=25).index(0)
    assert len(index) == 25 and torch.bincount(index).tolist().count(2) >= 5


def test_any_batch_may_be_asked_for_at_any_time():
    forwards = [loader().index(number).tolist() for number in range(8)]
    data = loader()
    assert [data.index(number).tolist() for number in reversed(range(8))] == forwards[::-1]


def test_rows_are_cut_from_the_global_batch():
    data = loader(batch_size=8)
    whole, parts = data.batch(1), [data.batch(1, offset, 2) for offset in range(0, 8, 2)]
    for field in ("images", "labels"):
        assert torch.equal(torch.cat([part[field] for part in parts]), whole[field])


def test_labels_stay_with_their_images():
    batch = loader(batch_size=10).batch(0)
    numbers = ((batch["images"][:, 0, 0, 0] + 1) * 127.5).round().long()
    assert torch.equal(batch["labels"], numbers % 3)


def test_only_the_wanted_fields_are_read():
    assert set(loader(fields=("images",)).batch(0)) == {"images"}


def test_pixels_span_minus_one_to_one_in_channels_last():
    values = to_float(torch.tensor([0, 255, 51], dtype=torch.uint8).expand(2, 4, 4, 3).contiguous())
    assert values.shape == (2, 3, 4, 4) and values.dtype == torch.float32
    assert values.is_contiguous(memory_format=torch.channels_last)
    assert values[0, :, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])


def test_mirroring_flips_about_half_and_whole_images():
    ramp = torch.arange(8, dtype=torch.uint8).expand(400, 8, 8)[..., None].contiguous()
    data = Loader(SimpleNamespace(count=400, images=ramp), ["images"], 400, mirror=True)
    with random.drawing_from(random.Stream(0, "data", 400, 400)):
        batch = data.batch(0)["images"]
    straight = to_float(ramp)
    flipped = (batch == straight.flip(3)).flatten(1).all(1)
    assert (flipped | (batch == straight).flatten(1).all(1)).all()
    assert 150 < flipped.sum() < 250


def test_mirroring_does_not_depend_on_how_a_batch_is_cut():
    data = loader(batch_size=8, mirror=True)
    data._arrays["images"] = torch.randint(0, 256, (10, 4, 4, 1), dtype=torch.uint8)

    def rows(offset, count):
        with random.drawing_from(random.Stream(0, "data", count, 8, offset)):
            return data.batch(0, offset, count)["images"]

    assert torch.equal(torch.cat([rows(0, 4), rows(4, 4)]), rows(0, 8))
