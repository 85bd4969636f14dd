"""Extractors: the right networks with the right weights, and features that depend on an image's pixels alone."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
import torch_fidelity
from safetensors.torch import load_file, save_file
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

import ganzoo
from ganzoo.errors import GanzooError, UnknownName
from ganzoo.metrics.features import DIGIT_WEIGHTS, Inception, load_extractor
from ganzoo.metrics.samples import of_folder

PHOTOS = Path(__file__).parent / "photos"  # three of a CC0 collection, 64 × 64
# Alp, valley, yellow lady's slipper; tench and cliff dwelling are none of them.
CLASSES = [970, 979, 986, 0, 500]
GOLDEN = [
    [10.6572, 8.0865, 1.2937, 0.4753, 1.9868],
    [-0.2004, -0.18, 8.7473, 1.0271, -0.9424],
    [8.2341, 9.6351, 1.7127, 1.2627, 1.2442],
]


@pytest.fixture(scope="module")
def random_inception(tmp_path_factory) -> Path:
    """Weights of the right shapes for both implementations of Inception, with batch norms that do something."""
    torch.manual_seed(0)
    network = Inception()
    for name, value in network.state_dict().items():
        if value.ndim > 1:
            torch.nn.init.kaiming_normal_(value)
        elif name.endswith(("running_var", "bn.weight")):
            torch.nn.init.uniform_(value, 0.5, 1.5)
        elif value.is_floating_point():
            torch.nn.init.normal_(value, 0, 0.1)
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), file)
    return file


def test_photos_look_to_efficientnet_like_what_they_show():
    photos = next(of_folder(PHOTOS).batches(8))
    features, logits = load_extractor("efficientnet-lite0")(photos)
    assert features.shape == (3, 1280)
    assert logits.argmax(1).tolist() == [970, 986, 979]
    assert torch.allclose(logits[:, CLASSES], torch.tensor(GOLDEN), atol=0.01)


def test_the_bundled_classifier_names_the_bundled_digits(digits):
    extractor = load_extractor("mnist-classifier")
    answers = torch.cat([extractor(part.permute(0, 3, 1, 2))[1].argmax(1) for part in digits.images.split(1000)])
    assert float((answers == digits.labels).double().mean()) >= 0.993


@pytest.mark.parametrize("size", [40, 310])
def test_inception_is_torch_fidelitys_feature_for_feature(random_inception, noise, size):
    theirs = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=random_inception
    )
    images = noise(1, channels=1, size=size)
    extractor = load_extractor("inception", random_inception)
    features, logits = extractor(images)
    expected, expected_logits = theirs(images.expand(-1, 3, -1, -1))
    assert not extractor.official
    assert expected.std() > 0.01
    assert torch.allclose(features, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
    assert torch.allclose(logits, expected_logits, rtol=1e-4, atol=1e-4 * float(expected_logits.std()))


@pytest.mark.slow
def test_fid_is_torch_fidelitys_on_the_same_images(random_inception, pngs, noise):
    """With more images than dimensions theirs would take minutes; with fewer it is exact enough."""
    real = torch.cat([noise(24, size=32), noise(24, size=32) // 2])
    fake = torch.cat([noise(24, size=32, seed=1), 255 - noise(24, size=32, seed=2) // 3])
    folders = [pngs(real, "real"), pngs(fake, "fake")]
    theirs = torch_fidelity.calculate_metrics(
        input1=str(folders[1]), input2=str(folders[0]), fid=True, cuda=False, cache=False, verbose=False,
        feature_extractor="inception-v3-compat", feature_extractor_weights_path=str(random_inception),
    )  # fmt: skip
    ours = ganzoo.evaluate(folders[1], folders[0], extractor="inception", weights=random_inception, device="cpu")
    assert ours[0]["value"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)


@pytest.mark.parametrize("name", ["mnist-classifier", "efficientnet-lite0", "timm:mobilenetv3_small_050"])
def test_features_do_not_depend_on_the_batch(name, noise):
    extractor = load_extractor(name, "random" if name.startswith("timm:") else None)
    images = noise(5, size=24)
    together, _ = extractor(images)
    for size in (1, 2):
        apart = torch.cat([extractor(part)[0] for part in images.split(size)])
        assert torch.allclose(apart, together, rtol=0, atol=1e-4 * float(together.std()))


@pytest.mark.parametrize("name", ["mnist-classifier", "efficientnet-lite0"])
def test_images_of_any_size_gray_or_colour(name, noise):
    extractor = load_extractor(name)
    gray = noise(2, channels=1, size=20)
    assert torch.allclose(extractor(gray)[0], extractor(gray.expand(-1, 3, -1, -1))[0], atol=1e-4)
    assert extractor(noise(1, size=70)[:, :, :33])[0].shape == extractor(gray[:1])[0].shape
    with pytest.raises(GanzooError, match="uint8 images"):
        extractor(gray.float())
    with pytest.raises(GanzooError, match="uint8 images"):
        extractor(noise(1, channels=2))


def test_features_are_computed_with_all_digits_of_float32(noise, rounds):
    """TF32, torch's default for convolutions on CUDA, has three."""
    extractor, seen = load_extractor("mnist-classifier"), []
    extractor.network.register_forward_hook(lambda *_: seen.append(rounds()))
    extractor(noise(2))
    assert [*seen, rounds()] == [False, True]


def test_weights_that_cannot_be_downloaded_are_described(monkeypatch):
    monkeypatch.setenv("GANZOO_OFFLINE", "1")
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(GanzooError, match="95,628,359 bytes, sha256 6726825d0af5f729") as error:
        load_extractor("inception")
    assert "weights-inception-2015-12-05-6726825d.pth" in str(error.value)


def test_other_weights_are_other_weights(tmp_path):
    official = load_extractor("mnist-classifier")
    other = tmp_path / "other.safetensors"
    save_file({name: value + 1 for name, value in load_file(DIGIT_WEIGHTS).items()}, other)
    assert official.official and not load_extractor("mnist-classifier", other).official
    assert load_extractor("mnist-classifier", other).sha256 != official.sha256
    wrong = tmp_path / "wrong.safetensors"
    save_file({"fc.weight": torch.zeros(3, 3)}, wrong)
    damaged = tmp_path / "damaged.pth"
    torch.save({"fc.weight": torch.zeros(3, 3)}, damaged)
    damaged.write_bytes(damaged.read_bytes()[:300])
    for file, reason in ((wrong, "does not hold"), (damaged, "cannot be read"), (tmp_path / "none", "there is no")):
        with pytest.raises(GanzooError, match=reason):
            load_extractor("mnist-classifier", file)


def test_weights_are_never_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "touched",)

    file = tmp_path / "evil.pth"
    torch.save({"weight": Evil()}, file)
    with pytest.raises(GanzooError, match="cannot be read"):
        load_extractor("mnist-classifier", file)
    assert not (tmp_path / "touched").exists()


def test_an_unknown_extractor_has_near_names():
    with pytest.raises(UnknownName, match="efficientnet-lite0"):
        load_extractor("efficientnet-lite")
    with pytest.raises(UnknownName, match="timm:resnet18"):
        load_extractor("timm:resnet81")
