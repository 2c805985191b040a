"""Weights of files: whoever wrote them, a network's features are those of the network that they were saved from.

And what doesn't fit, or is no file of weights, is told in one line and copied in no part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from backbone_yaml import CLASSIFIERS, settings
from batch_norm_states import mixed
from other_contents import OTHER_CONTENT
from safetensors.torch import save_file
from torch import Tensor, nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.pretrained import load_pretrained, read_weights
from olsrepro.models.published import PublishedWeights
from olsrepro.models.registry import build_backbone
from olsrepro.models.timm_efficientnet.network import _network as efficientnet
from olsrepro.models.timm_efficientnet.settings import Settings as EfficientNet
from olsrepro.settings import UserError

TINY = {"width": 0.125, "depth_factor": 0.34}
PUBLISHED = ("resnet50", "resnet101", "mobilenetv2", "efficientnet_b7")


def drawn(name: str, num_classes: int = 10, seed: int = 0, **changes: Any) -> Backbone:
    torch.manual_seed(seed)
    return build_backbone(settings(name, **changes), num_classes)


def unlike(network: nn.Module) -> nn.Module:
    """With batch norms that differ, and that have counted batches."""
    for module in mixed(network).modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.num_batches_tracked is not None
            module.num_batches_tracked.fill_(7)
    return network


def saved(path: Path, content: Any, **how: Any) -> Path:
    torch.save(content, path, **how)
    return path


def trunk(network: Backbone) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items() if not key.startswith("fc.")}


def head(network: Backbone) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items() if key.startswith("fc.")}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def refusal(network: Backbone, path: Path) -> str:
    """What is said against a file, in one line; the network stays as it was."""
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(UserError) as caught:
        load_pretrained(network, path)
    assert equal(network.state_dict(), before)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def assert_same_features(ours: Backbone, features: Tensor, images: Tensor) -> None:
    """The last stage's map of our network is the library's."""
    with torch.no_grad():
        found = ours.eval().stage_features(images)[ours.stages[-1]]
    torch.testing.assert_close(found, features, rtol=1e-5, atol=1e-5)


IMAGES = torch.randn(2, 3, 65, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["resnet50", pytest.param("resnet101", marks=pytest.mark.slow)])
def test_torchvisions_resnet_gives_its_features(name: str, tmp_path: Path) -> None:
    theirs = unlike(torchvision.models.get_model(name, weights=None)).eval()
    ours = drawn(name)
    load_pretrained(ours, saved(tmp_path / f"{name}.pth", theirs.state_dict()))
    parts = nn.Sequential(*list(theirs.children())[:-2])
    with torch.no_grad():
        assert_same_features(ours, parts(IMAGES), IMAGES)


def test_timms_resnet_gives_its_features(tmp_path: Path) -> None:
    theirs = unlike(timm.create_model("resnet50", num_classes=0)).eval()
    ours = drawn("resnet50")
    load_pretrained(ours, saved(tmp_path / "resnet50.pth", theirs.state_dict()))
    with torch.no_grad():
        assert_same_features(ours, theirs.forward_features(IMAGES), IMAGES)


def test_torchvisions_mobilenet_gives_its_features(tmp_path: Path) -> None:
    theirs = unlike(torchvision.models.mobilenet_v2(weights=None)).eval()
    ours = drawn("mobilenetv2")
    load_pretrained(ours, saved(tmp_path / "mobilenet.pth", theirs.state_dict()))
    with torch.no_grad():
        assert_same_features(ours, theirs.features(IMAGES), IMAGES)


def test_timms_efficientnet_gives_its_features(tmp_path: Path) -> None:
    """A narrow and shallow one, whose keys are formed as those of b7."""
    theirs = unlike(efficientnet(EfficientNet(**TINY))).eval()
    ours = drawn("efficientnet_b7", **TINY)
    load_pretrained(ours, saved(tmp_path / "b7.pth", theirs.state_dict()))
    with torch.no_grad():
        assert_same_features(ours, theirs.forward_features(IMAGES), IMAGES)


@pytest.mark.slow
def test_timms_whole_efficientnet_gives_its_features(tmp_path: Path) -> None:
    theirs = unlike(timm.create_model("tf_efficientnet_b7")).eval()
    ours = drawn("efficientnet_b7")
    load_pretrained(ours, saved(tmp_path / "b7.pth", theirs.state_dict()))
    with torch.no_grad():
        assert_same_features(ours, theirs.forward_features(IMAGES), IMAGES)


def sans_own_shapes(blocks: tuple[int, ...], sa_type: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of SAN's own checkpoints at 1000 classes, from ``model/san.py`` as it stands."""
    shapes: dict[str, tuple[int, ...]] = {}

    def convolution(key: str, channels: int, out: int, bias: bool = True) -> None:
        shapes[f"{key}.weight"] = (out, channels, 1, 1)
        if bias:
            shapes[f"{key}.bias"] = (out,)

    def norm(key: str, channels: int) -> None:
        shapes.update({f"{key}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")})
        shapes[f"{key}.num_batches_tracked"] = ()

    convolution("conv_in", 3, 64, bias=False)
    norm("bn_in", 64)
    before = 64
    for stage, (full, kernel, count) in enumerate(
        zip((64, 256, 512, 1024, 2048), (3, 7, 7, 7, 7), blocks, strict=True)
    ):
        convolution(f"conv{stage}", before, full, bias=False)
        norm(f"bn{stage}", full)
        relation, values, window = full // 16, full // 4, kernel * kernel
        for block in range(count):
            at = f"layer{stage}.{block}"
            norm(f"{at}.bn1", full)
            convolution(f"{at}.sam.conv1", full, relation)
            convolution(f"{at}.sam.conv2", full, relation)
            convolution(f"{at}.sam.conv3", full, values)
            seen = relation + 2 if sa_type == "pairwise" else relation * (window + 1)
            hidden = relation if sa_type == "pairwise" else values // 8
            norm(f"{at}.sam.conv_w.0", seen)
            convolution(f"{at}.sam.conv_w.2", seen, hidden, bias=False)
            norm(f"{at}.sam.conv_w.3", hidden)
            convolution(f"{at}.sam.conv_w.5", hidden, values // 8 * (1 if sa_type == "pairwise" else window))
            if sa_type == "pairwise":
                convolution(f"{at}.sam.conv_p", 2, 2)
            norm(f"{at}.bn2", values)
            convolution(f"{at}.conv", values, full)
        before = full
    return shapes | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}


@pytest.mark.parametrize("sa_type", ["patchwise", "pairwise"])
def test_sans_own_checkpoint_fits_san(sa_type: str, tmp_path: Path) -> None:
    """Saved by its training script: of a wrapped network, beside epoch, optimiser and accuracies."""
    ours = drawn("san15", depth=10, sa_type=sa_type)
    generator = torch.Generator().manual_seed(3)
    theirs = {
        key: torch.randn(shape, generator=generator) if shape else torch.tensor(5)
        for key, shape in sans_own_shapes((2, 1, 2, 4, 1), sa_type).items()
    }
    state = {f"module.{key}": value for key, value in theirs.items()}
    path = saved(
        tmp_path / "model_best.pth", {"epoch": 100, "state_dict": state, "optimizer": {"state": {}}, "top1": 0.7}
    )
    before = head(ours)
    load_pretrained(ours, path)
    assert equal(trunk(ours), {key: value for key, value in theirs.items() if not key.startswith("fc.")})
    assert equal(head(ours), before)


@pytest.fixture
def small() -> Backbone:
    return drawn("mobilenetv2", **TINY)


@pytest.mark.parametrize("nested", [None, "state_dict", "model", "weights"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_weights_are_found_where_checkpoints_keep_them(
    nested: str | None, prefix: str, zipped: bool, small: Backbone, tmp_path: Path
) -> None:
    other = drawn("mobilenetv2", seed=1, **TINY)
    state = {f"{prefix}{key}": value for key, value in other.state_dict().items()}
    content = state if nested is None else {"epoch": 3, nested: state, "test": {"loss": 0.1}}
    load_pretrained(small, saved(tmp_path / "some.pth", content, _use_new_zipfile_serialization=zipped))
    assert equal(trunk(small), trunk(other))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin"])
def test_a_safetensors_file_is_known_by_what_it_holds(name: str, small: Backbone, tmp_path: Path) -> None:
    other = drawn("mobilenetv2", seed=1, **TINY)
    save_file(other.state_dict(), tmp_path / name)
    load_pretrained(small, tmp_path / name)
    assert equal(trunk(small), trunk(other))


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name not in PUBLISHED])
def test_a_runs_own_weights_fit_every_backbone(name: str, tmp_path: Path) -> None:
    first, second = drawn(name, seed=0, **TINY), drawn(name, seed=1, **TINY)
    path = saved(tmp_path / "best.pt", {"epoch": 1, "weights": first.state_dict(), "test": {}})
    load_pretrained(second, path)
    assert equal(trunk(second), trunk(first))


@pytest.mark.parametrize("num_classes", [10, 7], ids=["of the file's shape", "of another"])
def test_the_classifier_stays_as_it_was_drawn(num_classes: int, tmp_path: Path) -> None:
    network = drawn("mobilenetv2", num_classes, **TINY)
    before = head(network)
    other = drawn("mobilenetv2", 10, seed=1, **TINY)
    load_pretrained(network, saved(tmp_path / "some.pth", other.state_dict()))
    assert equal(head(network), before)
    assert equal(trunk(network), trunk(other))


def test_a_file_may_have_other_heads_or_none(small: Backbone, tmp_path: Path) -> None:
    """The authors' fine-grained code names its classifier ``classifier2``."""
    other = trunk(drawn("mobilenetv2", seed=1, **TINY))
    load_pretrained(small, saved(tmp_path / "some.pth", other | {"classifier2.weight": torch.ones(3, 3)}))
    assert equal(trunk(small), other)


def test_counters_that_an_old_file_lacks_stay_as_they_are(small: Backbone, tmp_path: Path) -> None:
    other = trunk(unlike(drawn("mobilenetv2", seed=1, **TINY)))  # type: ignore[arg-type]
    old = {key: value for key, value in other.items() if not key.endswith("num_batches_tracked")}
    load_pretrained(small, saved(tmp_path / "old.pth", old))
    counters = [value for key, value in trunk(small).items() if key.endswith("num_batches_tracked")]
    assert counters
    assert all(value == 0 for value in counters)
    assert equal({key: value for key, value in trunk(small).items() if key in old}, old)


def test_half_precision_weights_are_raised_to_single(small: Backbone, tmp_path: Path) -> None:
    halves = {key: value.half() if value.is_floating_point() else value for key, value in trunk(small).items()}
    load_pretrained(small, saved(tmp_path / "half.pth", halves))
    assert equal(trunk(small), {key: value.to(trunk(small)[key].dtype) for key, value in halves.items()})


def test_another_librarys_network_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    network = drawn("resnet50", **TINY)
    path = saved(
        tmp_path / "mobilenet.pth", torchvision.models.mobilenet_v2(weights=None, width_mult=0.25).state_dict()
    )
    message = refusal(network, path)
    assert "holds the weights of another network: it lacks conv1.weight, bn1.weight, bn1.bias and " in message


def test_a_wider_network_is_refused_by_its_shapes(tmp_path: Path) -> None:
    narrow, wide = (drawn("resnet8", width=width) for width in (0.5, 1.0))
    message = refusal(narrow, saved(tmp_path / "wide.pth", wide.state_dict()))
    assert ": conv1.weight is (16, 3, 3, 3) there and (8, 3, 3, 3) here, " in message


def test_a_deeper_network_is_refused_though_all_that_is_wanted_is_there(tmp_path: Path) -> None:
    deeper = drawn("resnet29", **TINY), drawn("resnet56", **TINY)
    message = refusal(deeper[0], saved(tmp_path / "deeper.pth", deeper[1].state_dict()))
    assert ": it also has layer1." in message
    assert "it lacks" not in message


def test_a_file_with_one_tensor_missing_is_refused_in_whole(small: Backbone, tmp_path: Path) -> None:
    other = trunk(drawn("mobilenetv2", seed=1, **TINY))
    last = [key for key in other if key.endswith(".weight")][-1]
    del other[last]
    assert "it lacks " in refusal(small, saved(tmp_path / "cut.pth", other))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_file_that_was_cut_is_refused(zipped: bool, share: float, small: Backbone, tmp_path: Path) -> None:
    path = saved(tmp_path / "cut.pth", small.state_dict(), _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert ("is damaged or not a file of weights:" if share else "is empty:") in refusal(small, path)


@pytest.mark.parametrize("content", OTHER_CONTENT)
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_what_lies_in_a_files_place_is_named(content: bytes, ending: str, small: Backbone, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{ending}"
    path.write_bytes(content)
    assert refusal(small, path).startswith(f"{path} is {OTHER_CONTENT[content]}: use a safetensors file")


def test_a_safetensors_file_that_was_cut_is_refused(small: Backbone, tmp_path: Path) -> None:
    save_file(small.state_dict(), path := tmp_path / "cut.safetensors")
    path.write_bytes(path.read_bytes()[:-10])
    assert "is damaged or not a file of weights" in refusal(small, path)


@pytest.mark.parametrize("content", [b"epoch,loss\n1,0.5\n", bytes(100)])
def test_what_is_no_file_of_weights_is_refused(content: bytes, small: Backbone, tmp_path: Path) -> None:
    path = tmp_path / "page.pth"
    path.write_bytes(content)
    assert "is damaged or not a file of weights" in refusal(small, path)


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


def test_code_in_a_file_is_never_run(small: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "trap.pth", {"state_dict": small.state_dict(), "more": Trap()})
    assert "only tensors and plain values" in refusal(small, path)
    assert not Path("sprung").exists()


@pytest.mark.parametrize("content", [{}, {"epoch": 1}, [1, 2], {"state_dict": {}}, "weights"], ids=str)
def test_a_file_without_tensors_is_refused(content: Any, small: Backbone, tmp_path: Path) -> None:
    assert "holds no weights" in refusal(small, saved(tmp_path / "empty.pth", content))


def test_a_file_that_is_not_there_is_refused(small: Backbone, tmp_path: Path) -> None:
    assert "can't be read: No such file or directory" in refusal(small, tmp_path / "gone.pth")


@pytest.mark.parametrize(
    ("name", "library", "network", "tag"),
    [
        ("resnet50", "torchvision", "resnet50", "IMAGENET1K_V1"),
        ("resnet101", "torchvision", "resnet101", "IMAGENET1K_V1"),
        ("mobilenetv2", "torchvision", "mobilenet_v2", "IMAGENET1K_V1"),
        ("efficientnet_b7", "timm", "tf_efficientnet_b7", "aa_in1k"),
    ],
)
def test_published_weights_lie_where_their_library_says(name: str, library: str, network: str, tag: str) -> None:
    weights = settings(name).weights()
    assert weights is not None
    assert (weights.library, weights.network, weights.tag) == (library, network, tag)
    assert weights.url == where(weights)


def where(weights: PublishedWeights) -> str:
    if weights.library == "timm":
        return str(timm.get_pretrained_cfg(f"{weights.network}.{weights.tag}").url)
    return str(torchvision.models.get_model_weights(weights.network)[weights.tag].url)


def test_a_published_files_name_holds_the_beginning_of_its_sum() -> None:
    weights = settings("efficientnet_b7").weights()
    assert weights is not None
    assert weights.file == "tf_efficientnet_b7_aa-076e3472.pth"
    assert weights.checksum == "sha256:076e3472"


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name not in PUBLISHED])
def test_other_backbones_have_no_published_weights(name: str) -> None:
    assert settings(name).weights() is None


def test_weights_that_hold_themselves_are_refused(tmp_path: Path) -> None:
    content: dict[str, object] = {}
    content["state_dict"] = {"model": content}
    torch.save(content, tmp_path / "cyclic.pt")
    with pytest.raises(UserError, match="holds no weights"):
        read_weights(tmp_path / "cyclic.pt")
