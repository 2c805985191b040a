"""The two views of data-distortion guided self-distillation: what they are, and how they pass the network."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from quick_composer import composed
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.data.in_memory.loader import DeviceLoader
from olsrepro.data.settings import AugmentSettings, View
from olsrepro.methods.base import MethodContext
from olsrepro.methods.ddgsd.method import Method
from olsrepro.methods.ddgsd.settings import Settings
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

CLASSES, BATCH = 4, 6
RECIPE = AugmentSettings(padding=2, flip=True, cutout=4)


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 5, 3),
            nn.BatchNorm2d(5),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(5, CLASSES),
        ).double()


def batch(seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, BATCH, 3, 8, 8, generator=generator, dtype=torch.float64)
    target = torch.randint(CLASSES, (BATCH,), generator=generator)
    return Batch(first, target, torch.arange(BATCH), epoch=0, more_views=(2 * second + 1,))


def method(**switches: Any) -> Method:
    return Method(Settings(**switches), MethodContext(CLASSES, seed=0))


def frozen(module: nn.Module) -> nn.Module:
    """With every batch normalisation on its running statistics."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(generator=torch.Generator().manual_seed(1))
            part.eval()
    return module


def buffers(module: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in module.named_buffers()}


class Calls(nn.Module):
    """A network that counts the images of each of its forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.images.append(len(images))
        return images.mean((2, 3)) @ torch.eye(3, CLASSES, dtype=images.dtype)


@pytest.mark.parametrize(("joint", "passes"), [(True, [2 * BATCH]), (False, [BATCH, BATCH])])
def test_a_step_takes_one_forward_pass_of_both_views_or_two_of_one(joint: bool, passes: list[int]) -> None:
    method(joint_forward=joint)(counting := Calls(), batch())
    assert counting.images == passes


def test_training_error_is_counted_on_the_first_view() -> None:
    given = batch()
    for joint in (True, False):
        output = method(joint_forward=joint)(Calls(), given)
        assert torch.equal(output.logits, Calls()(given.images))
        assert output.loss.shape == ()


def test_the_loss_is_the_criterions_of_both_views() -> None:
    given, chosen = batch(), {"lam": 0.5, "T": 2.0, "detach": False}
    ours = method(**chosen)
    logits, second = Calls()(given.images), Calls()(given.more_views[0])
    torch.testing.assert_close(ours(Calls(), given).loss, ours.criterion(logits, given.targets, second))


def test_one_pass_normalises_both_views_together_and_two_passes_each_apart() -> None:
    given, networks = batch(), [network(), network()]
    losses = [method(joint_forward=joint)(net, given).loss for joint, net in zip((True, False), networks, strict=True)]
    together, apart = (buffers(net) for net in networks)
    assert (together["1.num_batches_tracked"], apart["1.num_batches_tracked"]) == (1, 2)
    features = network()[0](torch.cat([given.images, *given.more_views])).detach()
    torch.testing.assert_close(together["1.running_mean"], 0.1 * features.mean((0, 2, 3)))
    first, second = features.chunk(2)
    twice = 0.9 * 0.1 * first.mean((0, 2, 3)) + 0.1 * second.mean((0, 2, 3))
    torch.testing.assert_close(apart["1.running_mean"], twice)
    assert not torch.allclose(together["1.running_mean"], apart["1.running_mean"])
    assert abs(losses[0] - losses[1]) > 1e-3


def test_one_pass_and_two_are_the_same_where_batch_normalisation_is_frozen() -> None:
    given, networks = batch(), [frozen(network()), frozen(network())]
    outputs = [method(joint_forward=joint)(net, given) for joint, net in zip((True, False), networks, strict=True)]
    torch.testing.assert_close(outputs[0].loss, outputs[1].loss)
    torch.testing.assert_close(outputs[0].logits, outputs[1].logits)
    gradients = [torch.autograd.grad(o.loss, [*net.parameters()]) for o, net in zip(outputs, networks, strict=True)]
    torch.testing.assert_close(*gradients)
    assert all(map(torch.equal, buffers(networks[0]).values(), buffers(networks[1]).values()))


def test_there_is_nothing_to_train_or_to_remember() -> None:
    ours = method()
    assert list(ours.state_dict()) == list(ours.parameters()) == []
    assert ours.label_table() is None
    assert ours.trained(net := network()) is ours.tested(net) is net


def test_class_labels_alone_supervise_both_views_without_a_divergence() -> None:
    given = batch()
    hard = nn.CrossEntropyLoss()
    both = hard(Calls()(given.images), given.targets) + hard(Calls()(given.more_views[0]), given.targets)
    torch.testing.assert_close(method(supervision="class_labels")(Calls(), given).loss, both)
    assert method()(Calls(), given).loss > both


def test_two_draws_both_follow_the_recipe() -> None:
    settings = Settings()
    assert settings.first_view(RECIPE) == RECIPE
    assert settings.more_views(RECIPE) == (View(RECIPE),)


def test_flip_vs_crop_shares_the_recipes_distortions_out() -> None:
    settings = Settings(views="flip_vs_crop")
    assert settings.first_view(RECIPE) == AugmentSettings(padding=0, flip=True, cutout=4)
    assert settings.more_views(RECIPE) == (View(AugmentSettings(padding=2, flip=False, cutout=4)),)
    unflipped = replace(RECIPE, flip=False)
    assert not settings.first_view(unflipped).flip


def views_of_an_epoch(settings: Settings, images: Tensor, augment: AugmentSettings) -> tuple[Tensor, Tensor]:
    """Both views in the order of the training set, pixels in [0, 1]."""
    loader = DeviceLoader(
        images,
        torch.zeros(len(images), dtype=torch.int64),
        torch.zeros(3),
        torch.ones(3),
        augment=settings.first_view(augment),
        batch_size=settings.images_per_batch(8),
        seed=0,
        device="cpu",
        more_views=settings.more_views(augment),
    )
    batches = list(loader.epoch(0))
    order = torch.cat([b.indices for b in batches]).argsort()
    first = torch.cat([b.images for b in batches])[order]
    return first, torch.cat([view for b in batches for view in b.more_views])[order]


@pytest.fixture
def images() -> Tensor:
    return torch.randint(1, 256, (40, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_flip_vs_crop_shows_one_image_mirrored_and_moved(images: Tensor) -> None:
    flipped, cropped = views_of_an_epoch(Settings(views="flip_vs_crop"), images, replace(RECIPE, cutout=0))
    mirrored = [not torch.equal(view, image) for view, image in zip(flipped, images / 255, strict=True)]
    assert 0 < sum(mirrored) < len(images)
    padded = nn.functional.pad(images / 255, (2, 2, 2, 2))
    for index, view in enumerate(flipped):
        assert torch.equal(view, (images[index] / 255).flip(-1) if mirrored[index] else images[index] / 255)
    for image, view in zip(padded, cropped, strict=True):
        places = [(top, left) for top in range(5) for left in range(5)]
        assert any(torch.equal(view, image[:, top : top + 8, left : left + 8]) for top, left in places)
    assert not torch.equal(cropped, images / 255)


def test_two_draws_of_one_image_differ_and_without_distortion_are_equal(images: Tensor) -> None:
    first, second = views_of_an_epoch(Settings(), images, RECIPE)
    assert sum(torch.equal(a, b) for a, b in zip(first, second, strict=True)) < len(images) / 4
    first, second = views_of_an_epoch(Settings(), images, AugmentSettings(padding=0, flip=False))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("counts", "size", "expected"), [("images", 128, 128), ("forwards", 128, 64), ("forwards", 7, 3)]
)
def test_a_batch_counts_images_or_forwards(counts: str, size: int, expected: int) -> None:
    assert Settings(batch=counts).images_per_batch(size) == expected


def test_one_forward_is_too_few_for_a_pair() -> None:
    with pytest.raises(UserError, match=r"^recipe.batch_size=1 must be at least 2 with method.batch=forwards"):
        Settings(batch="forwards").images_per_batch(1)
    assert Settings(batch="images").images_per_batch(1) == 1


def test_class_labels_and_lam_0_are_one_run_whatever_the_divergence_would_have_been() -> None:
    spellings = [
        "method.supervision=class_labels",
        "method.lam=0",
        "method.supervision=class_labels method.lam=0",
        "method.lam=0 method.reduction=mean method.scale_t2=false",
    ]
    ids = {run_id(composed("method=ddgsd", *line.split())) for line in spellings}
    assert len(ids) == 1
    assert run_id(composed("method=ddgsd")) not in ids


def test_a_factor_of_one_squared_is_no_other_run() -> None:
    assert Settings(T=1, scale_t2=False).identity() == Settings(T=1).identity()
    assert Settings(T=2, scale_t2=False).identity() != Settings(T=2).identity()


@pytest.mark.parametrize(
    "switch",
    [
        *("ce_weight=0.25", "lam=0.5", "T=4", "scale_t2=false", "detach=false", "reduction=mean"),
        *("views=flip_vs_crop", "batch=forwards", "joint_forward=false"),
    ],
)
def test_every_other_switch_is_another_run(switch: str) -> None:
    assert run_id(composed("method=ddgsd", f"method.{switch}")) != run_id(composed("method=ddgsd"))


@pytest.mark.parametrize("switch", ["ce_weight=0.25", "views=flip_vs_crop", "batch=forwards", "joint_forward=false"])
def test_class_labels_alone_keep_what_is_not_the_divergences(switch: str) -> None:
    alone = ["method=ddgsd", "method.supervision=class_labels"]
    assert run_id(composed(*alone, f"method.{switch}")) != run_id(composed(*alone))


ALONE = "method.supervision=class_labels"
REFUSED = {
    "method.supervision=label": "method.supervision=label is not known; did you mean",
    "method.views=flip": "method.views=flip is not known; did you mean flip_vs_crop?",
    "method.batch=image": "method.batch=image is not known; did you mean images?",
    "method.joint_forward=maybe": "method.joint_forward=maybe must be true or false",
    "method.lam=-1": "method.lam=-1 must be at least 0",
    f"{ALONE} method.lam=0.5": "method.lam=0.5 has no effect with supervision=class_labels; use supervision=logits",
    f"{ALONE} method.ce_weight=0": "method.ce_weight=0 must be above 0 with supervision=class_labels",
}


@pytest.mark.parametrize(("switches", "message"), REFUSED.items())
def test_a_mistake_is_told_in_one_line_with_key_and_value(switches: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        composed("method=ddgsd", *switches.split())


@pytest.mark.parametrize("switch", ["lam=0.5", "T=4", "detach=false", "scale_t2=false", "reduction=mean"])
def test_a_switch_of_the_divergence_is_refused_where_there_is_none(switch: str) -> None:
    with pytest.raises(UserError, match=rf"^method.{switch.partition('=')[0]}=.* has no effect with supervision"):
        composed("method=ddgsd", "method.supervision=class_labels", f"method.{switch}")
