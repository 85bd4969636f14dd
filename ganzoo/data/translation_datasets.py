"""Named datasets with two sides: pairs for pix2pix, unpaired images for CycleGAN; fields: see datasets.py."""

from __future__ import annotations

from ganzoo.data.datasets import Dataset, Source
from ganzoo.registry import DATASETS

PAIRS = "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/"
UNPAIRED = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/"
OLD_UNPAIRED = "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets/"
WEB = "images from the web, each under its own terms; research use"


def _pairs(
    name: str,
    title: str,
    counts: dict[str, int],
    licence: str,
    size: int | None = None,
    resolution: int = 256,
    manual: str = "",
) -> Dataset:
    file = f"{name}.tar.gz"
    return Dataset(
        name=name,
        title=title,
        family=name,
        kind="pairs",
        resolution=(resolution, resolution),
        channels=3,
        counts=counts,
        licence=licence,
        homepage="https://phillipi.github.io/pix2pix/",
        accepts=f"{file}, or a folder or archive of images A|B, or folders A/ and B/ with the same names",
        pack_resolution=256,
        manual=manual,
        sources=(Source(file, () if manual else (PAIRS + file,), size),),
    )


def _unpaired(name: str, title: str, size: int, sha256: str, archive: str = "", licence: str = WEB) -> Dataset:
    file = f"{archive or name}.zip"
    return Dataset(
        name=name,
        title=title,
        family=name,
        kind="unpaired",
        resolution=(256, 256),
        channels=3,
        counts={},
        licence=licence,
        homepage="https://junyanz.github.io/CycleGAN/",
        accepts=f"{file}, or a folder or archive with trainA/ trainB/ testA/ testB/",
        pack_resolution=256,
        sources=(Source(file, (UNPAIRED + file, OLD_UNPAIRED + file), size, sha256),),
    )


DATASETS.register("facades")(
    _pairs(
        "facades",
        "CMP facades: photo (A) | labels (B)",
        {"train": 400, "val": 100, "test": 106},
        "none stated by its authors; cite Tyleček and Šára 2013",
        30_168_306,
    )
)
DATASETS.register("maps")(
    _pairs(
        "maps",
        "Google Maps of New York: aerial photo (A) | map (B)",
        {"train": 1096, "val": 1098},
        "Google Maps terms of service; research use",
        250_242_400,
        resolution=600,
    )
)
DATASETS.register("cityscapes")(
    _pairs(
        "cityscapes",
        "Cityscapes street scenes: photo (A) | labels (B)",
        {"train": 2975, "val": 500},
        "Cityscapes terms: non-commercial research and education",
        manual="register at https://www.cityscapes-dataset.com, get gtFine and leftImg8bit, "
        "and put each photo (left) and its label colours (right) side by side",
    )
)
DATASETS.register("edges2shoes")(
    _pairs(
        "edges2shoes",
        "UT Zappos50K: edges (A) | shoe (B)",
        {"train": 49_825, "val": 200},
        "UT Zappos50K: academic, non-commercial use only",
    )
)
DATASETS.register("edges2handbags")(
    _pairs(
        "edges2handbags",
        "Amazon handbags: edges (A) | handbag (B)",
        {"train": 138_567, "val": 200},
        "images of products by their sellers; research use",
    )
)
DATASETS.register("night2day")(
    _pairs(
        "night2day",
        "Transient Attributes webcams: night (A) | day (B)",
        {},
        "Transient Attributes (Laffont et al. 2014); research use",
    )
)
DATASETS.register("horse2zebra")(
    _unpaired(
        "horse2zebra",
        "ImageNet horses (A) and zebras (B)",
        116_867_962,
        "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
        licence="ImageNet terms of access: non-commercial research and education",
    )
)
DATASETS.register("apple2orange")(
    _unpaired(
        "apple2orange",
        "ImageNet apples (A) and oranges (B)",
        78_456_409,
        "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
        licence="ImageNet terms of access: non-commercial research and education",
    )
)
DATASETS.register("summer2winter")(
    _unpaired(
        "summer2winter",
        "Flickr photos of Yosemite in summer (A) and winter (B)",
        132_640_856,
        "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
        archive="summer2winter_yosemite",
    )
)
DATASETS.register("monet2photo")(
    _unpaired(
        "monet2photo",
        "Monet's paintings (A) and Flickr landscapes (B)",
        305_231_073,
        "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04",
    )
)
DATASETS.register("vangogh2photo")(
    _unpaired(
        "vangogh2photo",
        "Van Gogh's paintings (A) and Flickr landscapes (B)",
        306_590_349,
        "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff",
    )
)
DATASETS.register("cezanne2photo")(
    _unpaired(
        "cezanne2photo",
        "Cézanne's paintings (A) and Flickr landscapes (B)",
        279_885_071,
        "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff",
    )
)
DATASETS.register("ukiyoe2photo")(
    _unpaired(
        "ukiyoe2photo",
        "Ukiyo-e prints (A) and Flickr landscapes (B)",
        292_946_532,
        "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08",
    )
)
