"""Sources of the data sets of photographs. No torch here."""

from __future__ import annotations

from olsrepro.data.download.source import Archive, Source

_SIDE = 224  # pixels of a side as the paper's networks see them; the photographs are larger
_VGG = "https://www.robots.ox.ac.uk/~vgg/data"

# Sums of the archives: torchvision.datasets.imagenet.
IMAGENET = Source(
    name="imagenet",
    num_classes=1000,
    train_size=1_281_167,
    test_size=50_000,  # the validation set, whose labels are public
    image_size=_SIDE,
    licence="ImageNet's terms of access: non-commercial research and education, agreed to with an account",
    folder="imagenet",
    archives=(
        Archive(  # first, since it says the class of each validation image
            file="ILSVRC2012_devkit_t12.tar.gz",
            md5="fa75699e90414af021442c21a62c3abf",
            form="ilsvrc_devkit",
            needed_by="ILSVRC2012_img_val.tar",
        ),
        Archive(
            file="ILSVRC2012_img_train.tar",
            md5="1d675b47d978889d74fa0da5fadfb00e",
            form="ilsvrc_train",
            class_folder="train",
            images=(("train", 1_281_167),),
        ),
        Archive(
            file="ILSVRC2012_img_val.tar",
            md5="29b22e2961454d5413ddabcf34fc5622",
            form="ilsvrc_val",
            class_folder="val",
            images=(("val", 50_000),),
        ),
    ),
    origin="ILSVRC 2012 needs an account at image-net.org",
    layout="imagenet/train/<wnid>/*.JPEG and imagenet/val/<wnid>/*.JPEG",
)

# Sum of the archive: ten public readers agree on it; torchvision has no such data set.
CUB = Source(
    name="cub",
    num_classes=200,
    train_size=5_994,
    test_size=5_794,
    image_size=_SIDE,
    licence="Caltech-UCSD Birds 200-2011: non-commercial research and education; the photographs belong to others",
    folder="CUB_200_2011",
    archives=(
        Archive(
            file="CUB_200_2011.tgz",
            md5="97eceeb196236b17998738112f37df78",
            urls=("https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",),
            inside="CUB_200_2011",
            class_folder="images",
            images=(("images", 11_788),),
            files=("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"),
        ),
    ),
)

# Sums of the archives: torchvision.datasets.flowers102.
FLOWERS = Source(
    name="flowers",
    num_classes=102,
    train_size=1_020,  # the authors' list; with the official validation images, as the paper counts, 2040
    test_size=6_149,
    image_size=_SIDE,
    licence="no licence is stated for Oxford Flowers-102; the photographs belong to others",
    folder="flowers-102",
    archives=(
        Archive(
            file="102flowers.tgz",
            md5="52808999861908f626f3c1f4e79d11fa",
            urls=(f"{_VGG}/flowers/102/102flowers.tgz",),
            images=(("jpg", 8_189),),
        ),
        Archive(
            file="imagelabels.mat",
            md5="e0620be6f572b9609742df49c70aed4d",
            urls=(f"{_VGG}/flowers/102/imagelabels.mat",),
            form="plain",
            files=("imagelabels.mat",),
        ),
        Archive(
            file="setid.mat",
            md5="a5357ecc9cb78c4bef273ce3793fc85c",
            urls=(f"{_VGG}/flowers/102/setid.mat",),
            form="plain",
            files=("setid.mat",),
        ),
    ),
)

# Sums of the archives: torchvision.datasets.stanford_cars before its server dropped them; cars_annos.mat has none.
CARS = Source(
    name="cars",
    num_classes=196,
    train_size=8_144,
    test_size=8_041,
    image_size=_SIDE,
    licence="Stanford Cars: research use; the photographs belong to others",
    folder="stanford_cars",
    archives=(
        Archive(
            file="car_ims.tgz",
            md5="d5c8f0aa497503f355e17dc7886c3f14",
            packaging="car_ims",
            images=(("car_ims", 16_185),),
        ),
        Archive(file="cars_annos.mat", form="plain", packaging="car_ims", files=("cars_annos.mat",)),
        Archive(
            file="cars_train.tgz",
            md5="065e5b463ae28d29e77c1b4b166cfe61",
            packaging="cars_train",
            images=(("cars_train", 8_144),),
        ),
        Archive(
            file="cars_test.tgz",
            md5="4ce7ebf6a94d07f1952d94dd34c4d501",
            packaging="cars_train",
            images=(("cars_test", 8_041),),
        ),
        Archive(
            file="car_devkit.tgz",
            md5="c3b158d763b6e2245038c8ad08e45376",
            packaging="cars_train",
            files=("devkit/cars_train_annos.mat", "devkit/cars_meta.mat"),
        ),
        Archive(
            file="cars_test_annos_withlabels.mat",
            md5="b0a2b23655a3edd16d84508592a98d10",
            form="plain",
            packaging="cars_train",
            files=("cars_test_annos_withlabels.mat",),
        ),
    ),
    origin="Stanford's server no longer has it; mirrors do (some re-sorted under other names, which don't fit)",
    layout="stanford_cars/{car_ims/*.jpg, cars_annos.mat} (the authors' packaging) or "
    "stanford_cars/{cars_train/*.jpg, cars_test/*.jpg, devkit/*.mat, cars_test_annos_withlabels.mat} (torchvision's)",
)

# Sum of the archive: public readers; torchvision has none.
AIRCRAFT = Source(
    name="aircraft",
    num_classes=90,  # the authors' lists, as the paper counts; officially 100
    train_size=6_667,
    test_size=3_333,
    image_size=_SIDE,
    licence="FGVC-Aircraft: non-commercial research only; the photographs belong to others",
    folder="fgvc-aircraft-2013b",
    archives=(
        Archive(
            file="fgvc-aircraft-2013b.tar.gz",
            md5="d4acdd33327262359767eeaa97a4f732",
            urls=(f"{_VGG}/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",),
            inside="fgvc-aircraft-2013b",
            images=(("data/images", 10_000),),
            files=("data/variants.txt", "data/images_variant_trainval.txt", "data/images_variant_test.txt"),
        ),
    ),
)

_PASCAL = ("https://thor.robots.ox.ac.uk/pascal/VOC", "http://host.robots.ox.ac.uk/pascal/VOC")


def _voc_archive(year: str, file: str, md5: str, part: str, images: int = 0) -> Archive:
    """Describe an archive of a year; ``images`` counts the whole year's, and is given with its last archive alone."""
    return Archive(
        file=file,
        md5=md5,
        urls=tuple(f"{server}/{year.lower()}/{file}" for server in _PASCAL),
        inside="VOCdevkit",
        images=((f"{year}/JPEGImages", images),) if images else (),
        files=(f"{year}/ImageSets/Main/{part}.txt",),
    )


# Sums of the archives: torchvision.datasets.voc; numbers of images: of all that the archives hold.
VOC = Source(
    name="voc",
    num_classes=20,
    train_size=16_551,  # trainval of 2007 (5 011) and of 2012 (11 540)
    test_size=4_952,  # of 2007; that of 2012 has no public annotations
    image_size=416,  # of a test; the photographs differ
    licence="PASCAL VOC: the photographs are Flickr's, under its terms of use; for research",
    folder="VOCdevkit",
    archives=(
        _voc_archive("VOC2007", "VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64", "trainval"),
        _voc_archive("VOC2007", "VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", "test", images=9_963),
        _voc_archive(
            "VOC2012", "VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd", "trainval", images=17_125
        ),
    ),
)

PHOTO_SOURCES = (IMAGENET, CUB, FLOWERS, CARS, AIRCRAFT, VOC)
