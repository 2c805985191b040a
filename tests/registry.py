"""The one registry of tiny settings: a label method that is missing here fails the battery's first test.

A new method adds one line; every generic test then runs it: it trains, goes on bitwise from a kill inside an epoch and
at its end, saves and loads safely, gives the same on several ranks, and can be planned.
"""

from __future__ import annotations

METHODS: dict[str, list[str]] = {
    "hard": [],
    "ls": [],
    "bootsoft": ["method.beta=0.8"],
    "boothard": [],
    "disturblabel": ["method.alpha=0.3"],
    "sce": ["method.alpha=1.0", "method.beta=0.5"],
    "tfkd_reg": ["method.alpha=0.5", "method.multiplier=10"],
    "ols": ["method.update_period=7"],
    "pairwise_confusion": ["method.start=0.3"],
    "ddgsd": [],
    "byot": [],
    "byot_ols": ["method.first_period=deep", "method.update_period=7"],
    "tfkd_self": [],
    "ols_single": [],
    "l2rw": [],
    "mw_net": [],
    "arazo": ["method.bootstrap_start=1"],
    "pencil": [],
    "smp": ["method.num_prototypes=3"],
}

VARIANTS: dict[str, list[str]] = {
    "ols of the fine-grained code": ["method=ols", "method.variant=official_finegrained"],
    "ols with periods of an epoch in bf16": ["method=ols", "recipe.precision=bf16"],
    "ddgsd with two forwards of a flipped and a cropped view": [
        "method=ddgsd",
        "method.views=flip_vs_crop",
        "method.joint_forward=false",
    ],
    "byot tested by its heads together": ["method=byot", "method.eval=ensemble"],
    "byot_ols whose side heads wait for the second period": ["method=byot_ols"],
    "ols_single by the same batch": ["method=ols_single", "method.source=same_batch"],
    "ols_single by a second forward": ["method=ols_single", "method.source=extra_forward"],
    "pencil by the recipe's schedule": ["method=pencil", "method.schedule=common"],
    "smp with prototypes of a draw": ["method=smp", "method.samples_per_class=20"],
    "arazo by guided mixup and ever harder guesses": [
        "method=arazo",
        "method.variant=md_dyr_sh",
        "method.extra_forward=single_eval",
    ],
    "ols with CutOut": ["method=ols", "recipe.cutout=4"],
    "hard with CutOut and an ensemble": [
        "method=hard",
        "recipe.cutout=4",
        "runtime.ensemble_sizes=[1,3]",
        "runtime.keep=grid",
    ],
}

SETTINGS = {name: [f"method={name}", *extra] for name, extra in METHODS.items()} | VARIANTS

TINY = [
    "dataset=digits",
    "backbone=resnet8",
    "backbone.width=0.25",
    "noise=symmetric",
    "noise.rate=0.2",
    "recipe.epochs=3",
    "recipe.batch_size=128",
    "runtime.device=cpu",
    "runtime.threads=1",
    "runtime.checkpoint_steps=5",
]
STEPS_PER_EPOCH = 12
EPOCHS = 3

STAND_INS = tuple(
    f"digits@{name}" for name in ("aircraft", "cars", "cifar10", "cifar100", "cub", "flowers", "imagenet")
)
IN_MEMORY = ("cifar10", "cifar100", "digits", *STAND_INS)
PHOTOGRAPHS = ("aircraft", "cars", "cub", "flowers", "imagenet")
DETECTION = ("shapes@voc", "voc")
DATASETS = (*IN_MEMORY, *PHOTOGRAPHS, *DETECTION)
"""Every data set; the battery reads the embedded ones, and tiny files in the published layout for the others."""
