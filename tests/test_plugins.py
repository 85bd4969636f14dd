"""A third party's package brings a variant, a loss and a network without touching ganzoo."""

import json
from textwrap import dedent

import pytest

NETWORK = '''
    """Networks and a loss for ganzoo."""

    import torch
    from torch import nn
    from ganzoo.registry import ADVERSARIAL, NETWORKS


    @NETWORKS.register("tiny-generator")
    class TinyGenerator(nn.Module):
        """One linear layer: (N, latent_size) -> images (N, C, R, R) in [-1, 1]."""

        def __init__(self, resolution, image_channels, latent_size, gain=1.0):
            super().__init__()
            self.shape, self.gain = (image_channels, resolution, resolution), gain
            self.linear = nn.Linear(latent_size, image_channels * resolution**2)

        def forward(self, z, labels=None):
            return torch.tanh(self.gain * self.linear(z)).unflatten(1, self.shape)


    @ADVERSARIAL.register("tiny-loss")
    class TinyLoss:
        """Half the hinge."""

        boundary, needs_real, batch_statistics = 0.0, False, False

        def discriminator(self, real, fake):
            return 0.5 * ((1 - real).relu().mean() + (1 + fake).relu().mean())

        def generator(self, fake, real=None):
            return -0.5 * fake.mean()
'''
VARIANT = """
    name: tiny-gan
    title: A third party's GAN
    paper: {url: "https://example.org/tiny", year: 2026}
    game: image
    networks:
      generator: {name: tiny-generator}
      discriminator: {name: mlp-discriminator, units: 8, pieces: 2}
    loss: tiny-loss
    latent: {size: 4}
    resolution: 16
    optimizers:
      generator: {name: adam, lr: 1e-3}
      discriminator: {name: adam, lr: 1e-3}
    schedule: {steps: 2, batch_size: 4}
"""


@pytest.fixture
def install(tmp_path):
    """Put a package with an entry point into a folder, as pip would; returns that folder."""

    def install(package, files, entry_point):
        site = tmp_path / "site"
        for name, text in files.items():
            (site / package / name).parent.mkdir(parents=True, exist_ok=True)
            (site / package / name).write_text(dedent(text))
        metadata = site / f"{package}-0.1.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
        (metadata / "entry_points.txt").write_text(f"[ganzoo.plugins]\n{package} = {entry_point}\n")
        return site

    return install


@pytest.fixture
def tiny_plugin(install):
    files = {"__init__.py": "", "parts.py": NETWORK, "zoo_configs/tiny-gan.yaml": VARIANT}
    return install("tinyplug", files, "tinyplug.parts")


def test_plugin_is_listed_without_importing_torch(python, tiny_plugin):
    done = python("-X", "importtime", "-m", "ganzoo", "list", "tiny*", "--json", PYTHONPATH=str(tiny_plugin))
    expected = [{"name": "tiny-gan", "title": "A third party's GAN", "year": 2026, "labels": "no"}]
    assert json.loads(done.stdout) == expected
    assert "tinyplug" not in done.stderr and " torch\n" not in done.stderr


def test_plugin_trains_and_its_model_loads(python, tiny_plugin, tmp_path):
    script = """
        import ganzoo
        from ganzoo.listing import describe, entries
        assert {"name": "tiny-loss", "description": "Half the hinge."} in entries("losses")
        assert entries("networks", "tiny*")[0]["description"].startswith("One linear layer")
        assert describe("tiny-gan")["configuration"]["loss.name"]["value"] == "tiny-loss"
        game = ganzoo.create("tiny-gan", resolution=8, networks__generator__gain=2.0)
        assert type(game.generator).__name__ == "TinyGenerator" and game.generator.gain == 2.0
        assert ganzoo.create("gan", loss="tiny-loss", resolution=16).objective.loss.__class__.__name__ == "TinyLoss"
        run = ganzoo.train("tiny-gan", dataset="mnist-10k", out="run", quiet=True)
        model = ganzoo.load(run)
        assert model.sample(3).shape == (3, 1, 16, 16), model.sample(3).shape
        assert model.config.name == "tiny-gan" and model.config.loss.name == "tiny-loss"
        print("trained")
    """
    done = python("-c", dedent(script), PYTHONPATH=str(tiny_plugin))
    assert done.stdout.endswith("trained\n"), done.stderr[-2000:]
    without = python("-m", "ganzoo", "sample", tmp_path / "run")
    assert without.returncode == 1 and "unknown network 'tiny-generator'" in without.stderr
    assert "Traceback" not in without.stderr


@pytest.mark.parametrize(
    "source, reason",
    [("import nowhere_to_be_found", "nowhere_to_be_found"), ("1 / 0", "division by zero"), ("def", "invalid syntax")],
)
def test_broken_plugin_is_one_sentence(python, install, source, reason):
    site = install("brokenplug", {"__init__.py": source}, "brokenplug")
    broken = python("-m", "ganzoo", "list", "--kind", "losses", PYTHONPATH=str(site))
    assert broken.returncode == 1 and broken.stderr.count("\n") == 1, broken.stderr
    assert broken.stderr.startswith("ganzoo: plugin 'brokenplug' (brokenplug) cannot be imported: ")
    assert reason in broken.stderr
    assert python("-m", "ganzoo", "list", PYTHONPATH=str(site)).returncode == 0


def test_plugin_that_is_half_removed_is_one_sentence(python, install):
    site = install("goneplug", {}, "goneplug.parts")
    assert python("-m", "ganzoo", "list", PYTHONPATH=str(site)).returncode == 0
    broken = python("-m", "ganzoo", "list", "--kind", "networks", PYTHONPATH=str(site))
    assert broken.returncode == 1 and "uninstall it" in broken.stderr and "Traceback" not in broken.stderr


def test_plugin_cannot_take_a_name_that_is_taken(python, install):
    source = (
        "from ganzoo.registry import ADVERSARIAL\nimport ganzoo.losses.adversarial\nADVERSARIAL.register('hinge')(int)"
    )
    site = install("thief", {"__init__.py": source}, "thief")
    taken = python("-m", "ganzoo", "list", "--kind", "losses", PYTHONPATH=str(site))
    assert taken.returncode == 1 and taken.stderr.count("\n") == 1
    assert "plugin 'thief'" in taken.stderr and "loss 'hinge' is defined twice" in taken.stderr


def test_mistake_in_a_plugins_variant_names_the_file(python, install):
    files = {"__init__.py": "", "zoo_configs/bad.yaml": "name: bad\nname: worse\n"}
    site = install("badplug", files, "badplug")
    done = python("-m", "ganzoo", "list", PYTHONPATH=str(site))
    assert done.returncode == 1 and "bad.yaml" in done.stderr and "given twice" in done.stderr
