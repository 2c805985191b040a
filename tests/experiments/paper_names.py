"""How the paper's names of rows, columns and components read in experiment files; its numbers, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from olsrepro.experiments.experiment import CellKey, Experiment
from olsrepro.experiments.files import load

GOLDEN = Path(__file__).parents[1] / "golden" / "paper_values.yaml"
NUMBERS = ("II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
NUMBERED = {number: f"table{place}" for place, number in enumerate(NUMBERS, 2)}
FIGURES = ("figure1", "figure3", "figure4", "figure5", "figure7a", "figure7b")
FILES = ("table1", *NUMBERED.values(), *FIGURES, "ols_single", "check")

METHODS = {
    "Hard Label": "hard",
    "Bootsoft": "bootsoft",
    "Boothard": "boothard",
    "Disturb Label": "disturblabel",
    "SCE": "sce",
    "LS": "ls",
    "Pairwise Confusion": "pairwise_confusion",
    "Xu et al.": "ddgsd",
    "Tf-KD": "tfkd_reg",
    "OLS": "ols",
    "BYOT": "byot",
    "BYOT + OLS": "byot_ols",
    "Ren et al.": "l2rw",
    "MetaWeightNet": "mw_net",
    "Arazo et al.": "arazo",
    "PENCIL": "pencil",
    "Han et al.": "smp",
    "CutOut": "hard",
    "CutOut + LS": "ls",
    "CutOut + OLS": "ols",
}
DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-10H": "cifar10",
    "CIFAR-100": "cifar100",
    "ImageNet": "imagenet",
    "CUB-200-2011": "cub",
    "Flowers-102": "flowers",
    "Cars": "cars",
    "Aircrafts": "aircraft",
    "VOC07+12": "voc",
}
BACKBONES = {
    "ResNet-29": "resnet29",
    "ResNet-56": "resnet56",
    "ResNet-74": "resnet74",
    "ResNet-110": "resnet110",
    "ResNet-50": "resnet50",
    "ResNet-101": "resnet101",
    "MobileNetv2": "mobilenetv2",
    "EfficientNet-b7": "efficientnet_b7",
    "SAN-15": "san15",
    "YOLO-MobileNetV2": "yolo_mobilenetv2",
}
SMALL_IMAGE_BACKBONES = {
    "ResNet-34": "cifar_resnet34",
    "ResNet-50": "cifar_resnet50",
    "ResNet-101": "cifar_resnet101",
    "ResNeXt29-2x64d": "resnext29_2x64d",
    "ResNeXt29-32x4d": "resnext29_32x4d",
}
ATTACKS = {"none": {}, "FGSM": {"name": "fgsm"}, "PGD-20": {"name": "pgd", "iterations": 20}}

ROWS = {
    "IV": {
        "ResNet-50 (reported in [57])": "quoted_hard",
        "ResNet-50 + LS (reported in [57])": "quoted_ls",
        "ResNet-50 + Tf-KD_self (reported in [57])": "quoted_tfkd_self",
        "ResNet-50 + Tf-KD_reg (reported in [57])": "quoted_tfkd_reg",
        "ResNet-50": "resnet50_hard",
        "ResNet-50 + Bootsoft": "resnet50_bootsoft",
        "ResNet-50 + Boothard": "resnet50_boothard",
        "ResNet-50 + LS": "resnet50_ls",
        "ResNet-50 + CutOut": "resnet50_cutout",
        "ResNet-50 + Disturb Label": "resnet50_disturblabel",
        "ResNet-50 + BYOT": "resnet50_byot",
        "ResNet-50 + OLS": "resnet50_ols",
        "ResNet-50 + CutOut + OLS": "resnet50_cutout_ols",
        "ResNet-50 + BYOT + OLS": "resnet50_byot_ols",
        "ResNet-101": "resnet101_hard",
        "ResNet-101 + LS": "resnet101_ls",
        "ResNet-101 + CutOut": "resnet101_cutout",
        "ResNet-101 + OLS": "resnet101_ols",
        "ResNet-101 + CutOut + LS": "resnet101_cutout_ls",
        "ResNet-101 + CutOut + OLS": "resnet101_cutout_ols",
    },
    "V": {"CUB-200-2011": "cub", "Flowers-102": "flowers", "Cars": "cars", "Aircrafts": "aircraft"},
    "VI": {
        "CUB-200-2011 / ResNet-50": "cub_resnet50",
        "CUB-200-2011 / MobileNetv2": "cub_mobilenetv2",
        "CUB-200-2011 / EfficientNet-b7": "cub_efficientnet_b7",
        "CUB-200-2011 / SAN-15": "cub_san15",
        "Flowers-102 / ResNet-50": "flowers_resnet50",
        "Flowers-102 / MobileNetv2": "flowers_mobilenetv2",
        "Flowers-102 / EfficientNet-b7": "flowers_efficientnet_b7",
        "Flowers-102 / SAN-15": "flowers_san15",
        "Cars / ResNet-50": "cars_resnet50",
        "Cars / MobileNetv2": "cars_mobilenetv2",
        "Cars / EfficientNet-b7": "cars_efficientnet_b7",
        "Cars / SAN-15": "cars_san15",
        "Aircrafts / ResNet-50": "aircraft_resnet50",
        "Aircrafts / MobileNetv2": "aircraft_mobilenetv2",
        "Aircrafts / EfficientNet-b7": "aircraft_efficientnet_b7",
        "Aircrafts / SAN-15": "aircraft_san15",
        "Average Improvements": "average",
    },
    "X": {"YOLO (MobileNetV2)": "yolo"},
}
COLUMNS = {
    "II": {
        "ResNet-34": "resnet34",
        "ResNet-50": "resnet50",
        "ResNet-101": "resnet101",
        "ResNeXt29-2x64d": "resnext29_2x64d",
        "ResNeXt29-32x4d": "resnext29_32x4d",
    },
    "III": {
        "1 Model": "models_1",
        "6 Models": "models_6",
        "10 Models": "models_10",
        "15 Models": "models_15",
        "20 Models": "models_20",
    },
    "IV": {"Top-1 Error": "top1", "Top-5 Error": "top5"},
    "V": {"Categories": "categories", "Training Samples": "train", "Test Samples": "test"},
    "VI": {
        "Hard Label top1_err": "hard_top1",
        "Hard Label top5_err": "hard_top5",
        "LS top1_err": "ls_top1",
        "LS top5_err": "ls_top5",
        "Tf-KD top1_err": "tfkd_top1",
        "Tf-KD top5_err": "tfkd_top5",
        "OLS top1_err": "ols_top1",
        "OLS top5_err": "ols_top5",
    },
    "VII": {"0%": "noise_0", "20%": "noise_20", "40%": "noise_40", "60%": "noise_60", "80%": "noise_80"},
    "VIII": {"ResNet-29": "clean", "+ FGSM": "fgsm", "+ PGD": "pgd"},
    "IX": {
        "+ FGSM Top-1": "fgsm_top1",
        "+ FGSM Top-5": "fgsm_top5",
        "+ PGD Top-1": "pgd_top1",
        "+ PGD Top-5": "pgd_top5",
    },
    "X": {"Hard Label": "hard", "LS": "ls", "OLS": "ols"},
    "XI": {
        "ResNet-56 Top-1": "resnet56_top1",
        "ResNet-56 ECE": "resnet56_ece",
        "ResNet-74 Top-1": "resnet74_top1",
        "ResNet-74 ECE": "resnet74_ece",
        "ResNet-110 Top-1": "resnet110_top1",
        "ResNet-110 ECE": "resnet110_ece",
    },
    "XII": {"CIFAR-10 Top-1": "top1", "CIFAR-10H KL": "kl"},
}
COUNTED = {"Categories": "categories", "Training Samples": "train_images", "Test Samples": "test_images"}
DROP = "_drop_vs_hard"


@cache
def golden() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    values: dict[str, Any] = yaml.load(GOLDEN.read_text(), loader)
    return values


def golden_cells(table: str) -> list[dict[str, Any]]:
    return [cell for cell in golden()["cells"] if cell["table"] == table]


def cell_key(cell: dict[str, Any]) -> CellKey:
    table, column = cell["table"], cell["column"]
    if table == "VI":
        column = f"{column} {cell['metric'].removesuffix(DROP)}"
    return ROWS.get(table, METHODS)[cell["row"]], COLUMNS[table][column]


def measured_cells() -> Iterator[tuple[Experiment, dict[str, Any]]]:
    """The paper's cells that we measure ourselves: neither derived nor quoted."""
    for cell in golden()["cells"]:
        if not cell.get("derived") and "reported_elsewhere" not in cell:
            yield load(NUMBERED[cell["table"]]), cell


def choices_of(experiment: Experiment, cell: CellKey) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in experiment.lines_of(cell))}
