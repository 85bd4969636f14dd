"""What every generator and discriminator promises."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.registry import NETWORKS

CLASSES, LATENT = 3, 12
FAMILIES = {
    "mlp": ({"width": 16}, {"units": 8}),
    "conditional-mlp": ({"width": 16, "label_units": 8}, {"units": 8, "joint_units": 8}),
    "dcgan": ({"channels": 2}, {"channels": 2}),
    "lsgan": ({"channels": 2}, {"channels": 2}),
    "sn-cnn": ({"channels": 2}, {"channels": 2, "spectral_norm": True}),
    "resnet": ({"channels": 4}, {"channels": 4}),
    "acgan": ({"channels": 4}, {"channels": 2}),
}
ATTENTIVE = {"channels": 16, "attention": True, "spectral_norm": True, "num_classes": CLASSES}
CASES = {
    **{name: (name, *keywords) for name, keywords in FAMILIES.items()},
    "mlp with batch norm": ("mlp", {"width": 16, "norm": "batch"}, {"units": 8}),
    "dcgan with labels": ("dcgan", *FAMILIES["dcgan"]),
    "dcgan of nearest pixels": ("dcgan", {"channels": 2, "upsample": "nearest"}, {"channels": 2}),
    "resnet with everything": ("resnet", {**ATTENTIVE, "upsample_before": 2}, ATTENTIVE),
}
LABELLED = ("conditional-mlp", "dcgan with labels", "acgan", "resnet with everything")
CONVOLUTIONAL = [name for name in CASES if "mlp" not in name]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def pair(case: str, resolution: int = 32, image_channels: int = 3) -> tuple[nn.Module, nn.Module]:
    family, generator, discriminator = CASES[case]
    given = {"resolution": resolution, "image_channels": image_channels}
    if case in LABELLED:
        given["num_classes"] = CLASSES
    return (
        NETWORKS.get(f"{family}-generator")(**given | generator, latent_size=LATENT),
        NETWORKS.get(f"{family}-discriminator")(**given | discriminator),
    )


def labels(case: str, *values: int) -> torch.Tensor | None:
    return torch.tensor(values) if case in LABELLED else None


def test_all_networks_are_covered():
    families = {name.rsplit("-", 1)[0] for name in NETWORKS.names()}
    assert families >= set(FAMILIES)
    assert {name.rsplit("-", 1)[1] for name in NETWORKS.names()} >= {"generator", "discriminator"}


@pytest.mark.parametrize("image_channels", [1, 3])
@pytest.mark.parametrize("resolution", [28, 32, 64, 128])
@pytest.mark.parametrize("case", CASES)
def test_shapes_and_range(case, resolution, image_channels):
    generator, discriminator = pair(case, resolution, image_channels)
    y = labels(case, 0, 2)
    images = generator(torch.randn(2, LATENT), y)
    assert images.shape == (2, image_channels, resolution, resolution)
    assert images.abs().max() <= 1
    assert images.std() > 0
    logits = discriminator(images, y)
    assert logits.shape == (2,)
    assert logits.isfinite().all()


@pytest.mark.parametrize("case", CONVOLUTIONAL)
def test_unreachable_resolution_is_refused_by_both(case):
    for network in ("generator", "discriminator"):
        family, *keywords = CASES[case]
        given = {"num_classes": CLASSES} if case in LABELLED else {}
        given |= keywords[network == "discriminator"]
        with pytest.raises(GanzooError, match="48 or 56"):
            NETWORKS.get(f"{family}-{network}")(resolution=50, image_channels=3, **given)


@pytest.mark.parametrize("case", ["mlp", "conditional-mlp"])
def test_mlp_takes_any_resolution_from_8(case):
    generator, discriminator = pair(case, resolution=50)
    y = labels(case, 1, 1)
    assert discriminator(generator(torch.randn(2, LATENT), y), y).shape == (2,)
    with pytest.raises(GanzooError, match="smallest possible is 8"):
        pair(case, resolution=7)


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_of_both_players_learns(case):
    generator, discriminator = pair(case, resolution=28, image_channels=1)
    y = torch.arange(8) % CLASSES if case in LABELLED else None
    for _ in range(2):
        images = generator(torch.randn(8, LATENT), y)
        outputs = discriminator.heads(images) if case == "acgan" else [discriminator(images, y)]
        sum((output - 1).square().sum() for output in outputs).backward()
        for network in (generator, discriminator):
            torch.optim.SGD(network.parameters(), lr=0.01).step()
    for network in (generator, discriminator):
        sizes = {name: p.grad.abs().max() for name, p in network.named_parameters()}
        assert min(sizes.values()) > 1e-8 * max(sizes.values()), min(sizes, key=sizes.get)


@pytest.mark.parametrize("case", CASES)
def test_no_bias_that_batch_norm_would_cancel(case):
    generator, discriminator = pair(case)
    for network in (generator, discriminator):
        for block in network.modules():
            layers = list(block.children()) if isinstance(block, nn.Sequential) else []
            for layer, following in pairwise(layers):
                if isinstance(following, nn.BatchNorm2d):
                    assert getattr(getattr(layer, "linear", layer), "bias", None) is None


@pytest.mark.parametrize("case", CONVOLUTIONAL)
def test_channels_last_stays_channels_last(case):
    generator, discriminator = (network.to(memory_format=torch.channels_last) for network in pair(case))
    seen = []
    for network in (generator, discriminator):
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.register_forward_hook(lambda _, __, output: seen.append(output))
    y = labels(case, 0, 2)
    images = generator(torch.randn(2, LATENT), y)
    assert images.is_contiguous(memory_format=torch.channels_last)
    discriminator(images, y)
    assert seen and all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)


@pytest.mark.parametrize("case", LABELLED)
def test_labels_change_what_is_generated(case):
    generator, _ = pair(case)
    if case == "resnet with everything":  # conditional batch norm starts equal for all classes
        for name, parameter in generator.named_parameters():
            if name.endswith((".scale", ".shift")):
                nn.init.normal_(parameter)
    z = torch.randn(1, LATENT).expand(3, -1)
    images = generator.eval()(z, torch.tensor([0, 1, 1]))
    assert (images[0] - images[1]).std() > 0.05 * images.std()
    torch.testing.assert_close(images[1], images[2])


@pytest.mark.parametrize("case", ["conditional-mlp", "dcgan with labels", "resnet with everything"])
def test_labels_change_the_verdict(case):
    _, discriminator = pair(case)
    image = torch.rand(1, 3, 32, 32).expand(3, -1, -1, -1)
    logits = discriminator.eval()(image, torch.tensor([0, 1, 1]))
    assert logits[0] != logits[1]
    torch.testing.assert_close(logits[1], logits[2])


def test_a_generator_learns_what_a_label_means():
    """A label that starts without effect (conditional batch norm) gets one from training."""
    generator, _ = pair("resnet with everything", resolution=8, image_channels=1)
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.01)
    y = torch.arange(12) % 2
    for _ in range(30):
        images = generator(torch.randn(12, LATENT), y)
        loss = (images.mean((1, 2, 3)) - (y - 0.5)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert images[y == 1].mean() - images[y == 0].mean() > 0.4


@pytest.mark.parametrize("case", LABELLED)
def test_missing_labels_are_named(case):
    generator, discriminator = pair(case)
    with pytest.raises(GanzooError, match="pass a label"):
        generator(torch.randn(2, LATENT))
    if case != "acgan":
        with pytest.raises(GanzooError, match="pass a label"):
            discriminator(torch.rand(2, 3, 32, 32))


@pytest.mark.parametrize("name", ["conditional-mlp", "acgan"])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_conditional_networks_refuse_unlabelled_data(name, player):
    with pytest.raises(GanzooError, match="labelled data"):
        NETWORKS.get(f"{name}-{player}")(resolution=32, image_channels=1)


@pytest.mark.parametrize("case", CASES)
def test_evaluation_treats_each_sample_alone(case):
    generator, discriminator = pair(case)
    generator.eval()
    discriminator.eval()
    z, y = torch.randn(4, LATENT), labels(case, 0, 1, 2, 0)
    images = generator(z, y)
    single = [generator(z[i : i + 1], None if y is None else y[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(images, torch.cat(single), atol=1e-5, rtol=1e-4)
    logits = [discriminator(images[i : i + 1], None if y is None else y[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(discriminator(images, y), torch.cat(logits), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_critics_can_be_differentiated_twice(case):
    """Gradient penalties need it, also through attention, maxout and the merged resampling convolutions."""
    _, discriminator = pair(case, resolution=28, image_channels=1)
    images = torch.rand(3, 1, 28, 28, requires_grad=True)
    logits = discriminator(images, labels(case, 0, 1, 2))
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    gradient.square().sum().backward()
    weights = [p.grad for p in discriminator.parameters() if p.grad is not None]
    assert any(w.abs().max() > 0 for w in weights) and all(w.isfinite().all() for w in weights)


@pytest.mark.parametrize("norm", ["none", "layer", "instance", "batch"])
@pytest.mark.parametrize("family", ["dcgan", "sn-cnn", "resnet", "acgan"])
def test_norms_of_the_discriminator(family, norm):
    given = {"num_classes": CLASSES} if family == "acgan" else {}
    network = NETWORKS.get(f"{family}-discriminator")(resolution=32, image_channels=1, channels=2, norm=norm, **given)
    assert network(torch.rand(2, 1, 32, 32)).isfinite().all()
    assert any(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == (norm == "batch")
    with pytest.raises(GanzooError, match="unknown norm 'weight'"):
        NETWORKS.get(f"{family}-discriminator")(resolution=32, image_channels=1, channels=2, norm="weight", **given)


@pytest.mark.parametrize("family", ["dcgan", "sn-cnn", "resnet"])
def test_layer_normed_critic_sees_each_image_alone(family):
    network = NETWORKS.get(f"{family}-discriminator")(resolution=32, image_channels=1, channels=2, norm="layer")
    images = torch.rand(4, 1, 32, 32)
    changed = torch.cat([images[:1], -images[1:]])
    torch.testing.assert_close(network(images)[0], network(changed)[0], atol=1e-6, rtol=1e-5)
