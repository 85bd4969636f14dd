"""Named datasets of many or large images: faces, bedrooms, animals, ImageNet; fields: see datasets.py."""

from __future__ import annotations

from ganzoo.data.datasets import Dataset, Source
from ganzoo.registry import DATASETS

DATASETS.register("celeba")(
    Dataset(
        name="celeba",
        title="CelebA, aligned faces of celebrities",
        family="celeba",
        kind="images",
        resolution=(218, 178),
        channels=3,
        counts={"train": 202_599},
        licence="non-commercial research only",
        homepage="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        accepts="img_align_celeba.zip, or a folder or archive of its images",
        pack_resolution=64,
        terms="no redistribution; weights trained on it must say that they are for non-commercial research",
        notes=(
            "train is all 202,599 images, as in the GAN papers; the official partition is not used",
            "the centre 178 x 178 square of each 178 x 218 image is kept, then resized",
        ),
        sources=(
            Source(
                "img_align_celeba.zip",
                (
                    "https://drive.usercontent.google.com/download?id=0B7EVK8r0v71pZjFTYXZWM3FlRnM&export=download&confirm=t",
                    "https://huggingface.co/datasets/Yuehao/celeba/resolve/main/img_align_celeba.zip",
                ),
                1_443_490_838,
                "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
            ),
        ),
    )
)

DATASETS.register("lsun-bedroom")(
    Dataset(
        name="lsun-bedroom",
        title="LSUN bedrooms",
        family="lsun",
        kind="images",
        resolution=None,
        channels=3,
        counts={"train": 3_033_042, "val": 300},
        licence="images from the web, each under its own terms; research use",
        homepage="https://www.yf.io/p/lsun",
        accepts="a folder with the unzipped bedroom_train_lmdb and bedroom_val_lmdb, or a folder of images",
        manual="download and unzip bedroom_train_lmdb.zip (46 GB) and bedroom_val_lmdb.zip from "
        "http://dl.yf.io/lsun/scenes/",
        pack_resolution=64,
        notes=("reading the official LMDB needs `pip install lmdb`; a folder of images does not",),
        sources=(
            Source(
                "bedroom_train_lmdb.zip",
                ("http://dl.yf.io/lsun/scenes/bedroom_train_lmdb.zip",),
                45_922_737_680,
                "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e",
            ),
            Source(
                "bedroom_val_lmdb.zip",
                ("http://dl.yf.io/lsun/scenes/bedroom_val_lmdb.zip",),
                4_670_661,
                "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12",
            ),
        ),
    )
)

DATASETS.register("imagenet32")(
    Dataset(
        name="imagenet32",
        title="ImageNet downsampled to 32 x 32 (Chrabaszcz et al. 2017)",
        family="imagenet32",
        kind="labelled",
        classes=tuple(f"class{i:04d}" for i in range(1, 1001)),
        resolution=(32, 32),
        channels=3,
        counts={"train": 1_281_167, "val": 50_000},
        licence="ImageNet terms of access: non-commercial research and education",
        homepage="https://image-net.org/download-images",
        layout="npz",
        accepts="a folder with Imagenet32_train_npz.zip and Imagenet32_val_npz.zip, or with their npz files",
        lossless=True,
        manual="register and accept ImageNet's terms at https://image-net.org/download-images, "
        "then download the two 32x32 npz archives",
        sources=(
            Source(
                "Imagenet32_train_npz.zip",
                ("https://image-net.org/data/downsample/Imagenet32_train_npz.zip",),
                3_580_435_279,
                "94226337ecc1b0309d9fcd0167127aaadc931587035fbcb53925235edbaec4fc",
            ),
            Source(
                "Imagenet32_val_npz.zip",
                ("https://image-net.org/data/downsample/Imagenet32_val_npz.zip",),
                139_697_668,
                "013990e6dec1237dcd1f9beadbab81ead6604cc119af5cacbfb59ae28148377a",
            ),
        ),
    )
)

DATASETS.register("ffhq")(
    Dataset(
        name="ffhq",
        title="Flickr-Faces-HQ",
        family="ffhq",
        kind="images",
        resolution=(1024, 1024),
        channels=3,
        counts={"train": 70_000},
        licence="CC BY-NC-SA 4.0; single images under Flickr licences of their authors",
        homepage="https://github.com/NVlabs/ffhq-dataset",
        accepts="images1024x1024.zip, thumbnails128x128.zip, or a folder of FFHQ's images",
        pack_resolution=256,
        manual="get images1024x1024.zip or thumbnails128x128.zip, see https://github.com/NVlabs/ffhq-dataset",
        sources=(Source("images1024x1024.zip"),),
    )
)

DATASETS.register("afhq")(
    Dataset(
        name="afhq",
        title="Animal Faces-HQ: cats, dogs and wild animals",
        family="afhq",
        kind="labelled",
        classes=("cat", "dog", "wild"),
        resolution=(512, 512),
        channels=3,
        counts={},
        licence="CC BY-NC 4.0",
        homepage="https://github.com/clovaai/stargan-v2",
        accepts="afhq_v2.zip or a folder with train/cat, train/dog, train/wild and test/…",
        pack_resolution=256,
        manual="get afhq_v2.zip as https://github.com/clovaai/stargan-v2 describes (section on AFHQ)",
        sources=(Source("afhq_v2.zip"),),
    )
)
