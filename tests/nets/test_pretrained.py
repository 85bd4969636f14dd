"""Frozen networks trained elsewhere."""

from itertools import pairwise

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ganzoo.errors import GanzooError, UnknownName
from ganzoo.nets.pretrained import Features, load_backbone

SMALL = "timm:test_efficientnet"


def images(n: int = 2, channels: int = 3, size: int = 64) -> torch.Tensor:
    return 2 * torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0)) - 1


def test_maps_come_finest_first_with_the_widths_stated() -> None:
    maps = Features(SMALL, "random")(images())
    assert [each.shape[1] for each in maps] == Features(SMALL, "random").channels
    assert all(fine.shape[2] > coarse.shape[2] for fine, coarse in pairwise(maps))


def test_scales_choose_maps() -> None:
    every, some = Features(SMALL, "random"), Features(SMALL, "random", scales=(0, 2))
    for one, other in zip(some(images()), [every(images())[i] for i in (0, 2)], strict=True):
        torch.testing.assert_close(one, other)


def test_features_are_nobodys_parameters_or_state_and_follow_their_owner() -> None:
    owner = nn.Sequential(nn.Conv2d(3, 3, 1), Features(SMALL, "random"))
    assert set(owner.state_dict()) == {"0.weight", "0.bias"} == {name for name, _ in owner.named_parameters()}
    owner.double().train()
    assert owner(images().double())[0].dtype == torch.float64
    assert not any(module.training for module in owner[1]._held[0].network.modules())


def test_gradients_reach_the_images_alone() -> None:
    features, given = Features(SMALL, "random"), images().requires_grad_()
    features(given)[-1].sum().backward()
    assert given.grad is not None and given.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in features._held[0].network.parameters())


def test_gray_images_are_seen_as_colour() -> None:
    features, gray = Features(SMALL, "random"), images(channels=1)
    for one, other in zip(features(gray), features(gray.repeat(1, 3, 1, 1)), strict=True):
        torch.testing.assert_close(one, other)


def test_lite0_sees_what_it_was_trained_on() -> None:
    backbone = load_backbone("efficientnet-lite0", "random")
    levels = torch.tensor([0.0, 127.0, 255.0]).expand(1, 3, 1, 3)
    torch.testing.assert_close(backbone.normalised(levels / 127.5 - 1), (levels - 127) / 128)


def test_a_file_is_loaded_by_name_or_in_order(tmp_path) -> None:
    trained = {name: value + 1 for name, value in load_backbone(SMALL, "random").network.state_dict().items()}
    save_file({name: value.contiguous() for name, value in trained.items()}, tmp_path / "w.safetensors")
    torch.save({f"other.{i}": value for i, value in enumerate(trained.values())}, tmp_path / "w.pth")
    for file in ("w.safetensors", "w.pth"):
        loaded = load_backbone(SMALL, tmp_path / file)
        assert loaded.file == tmp_path / file
        assert all(torch.equal(value, trained[name]) for name, value in loaded.network.state_dict().items())


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_damaged_and_missing_files_are_refused(tmp_path, content) -> None:
    file = tmp_path / "w.pth"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(GanzooError, match=r"w\.pth"):
        load_backbone(SMALL, file)


def test_files_of_other_networks_and_pickles_are_refused(tmp_path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "w.safetensors")
    torch.save({"a": nn.Linear(1, 1)}, tmp_path / "w.pth")
    with pytest.raises(GanzooError, match="missing or of another shape"):
        load_backbone(SMALL, tmp_path / "w.safetensors")
    with pytest.raises(GanzooError, match="cannot be read as weights"):
        load_backbone(SMALL, tmp_path / "w.pth")


def test_unknown_names_and_scales_are_refused(monkeypatch) -> None:
    with pytest.raises(UnknownName, match="efficientnet-lite0"):
        load_backbone("efficientnet-lite")
    with pytest.raises(GanzooError, match="feature maps 0 to 4"):
        Features(SMALL, "random", scales=(7,))


def test_offline_no_weights_are_downloaded(monkeypatch) -> None:
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    with pytest.raises(GanzooError, match="give their file as weights"):
        load_backbone("timm:resnet18")
