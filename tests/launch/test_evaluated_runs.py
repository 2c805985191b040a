"""Evaluations of real, tiny runs: made once, recorded under the run, refused where something is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from registry import TINY
from rich.console import Console
from shape_runs import shape_run

from olsrepro.config.compose import compose_run
from olsrepro.config.restore import restored
from olsrepro.config.run_config import RunConfig
from olsrepro.data.registry import read_dataset
from olsrepro.evaluation.classification import classify
from olsrepro.evaluation.registry import evaluation_names, read_settings, settings_class
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.launch.finished.classification import Finished
from olsrepro.launch.finished.evaluate import evaluate, evaluate_many, refuse_unready
from olsrepro.launch.run import run
from olsrepro.settings import UserError
from olsrepro.store.evaluations import evaluation_folder, evaluation_id, read_evaluation
from olsrepro.store.identity import run_id
from olsrepro.store.record import Record, read_record

LINES = [
    *(line for line in TINY if not line.startswith(("noise", "dataset"))),
    "dataset=digits@cifar10",
    "runtime.ensemble_sizes=[2,3]",
    "runtime.tensorboard=false",
]
NAMED = {
    "ensemble": {"size": 3},
    "pgd": {"iterations": 2, "first": 20},
    "fgsm": {"first": 20},
    "embedding": {"per_class": 5},
}
OF_CLASSIFIERS = [name for name in evaluation_names() if settings_class(name).task == "classification"]


def composed(runs: Path, method: str) -> RunConfig:
    return compose_run([*LINES, f"method={method}", f"runtime.runs_dir={runs}"])


def settings_of(name: str) -> EvaluationSettings:
    return read_settings({"name": name, **NAMED.get(name, {})})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "runs"
    for method in ("ols", "ls", "sce"):
        run(composed(folder, method), console=Console(quiet=True))
    return folder


def folder_of(config: RunConfig) -> Path:
    return Path(config.runtime.runs_dir) / run_id(config)


def record_of(config: RunConfig) -> Record:
    record = read_record(folder_of(config))
    assert record is not None
    return record


def finished(config: RunConfig, weights: str = "best") -> Finished:
    return Finished(config, folder_of(config), record_of(config), weights, torch.device("cpu"))


@pytest.mark.parametrize("name", OF_CLASSIFIERS)
def test_every_evaluation_measures_a_real_run_once_and_leaves_a_record_under_it(name: str, runs: Path) -> None:
    config, settings = composed(runs, "ols"), settings_of(name)
    path = evaluate(config, settings)
    assert path.parent == folder_of(config) / "evaluations" / evaluation_id(settings)
    record = read_evaluation(folder_of(config), settings)
    assert record is not None
    assert record["of"] == run_id(config)
    assert record["evaluation"]["name"] == name
    assert record["samples"] > 0
    assert record["values"]
    assert record["history"][0]["device"].startswith("cpu")
    written = path.stat().st_mtime_ns
    assert evaluate(config, settings) == path
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("weights", ["best", "last"])
def test_the_network_and_its_stored_logits_are_those_of_the_epoch_that_was_asked_for(weights: str, runs: Path) -> None:
    config = composed(runs, "ls")
    subject = finished(config, weights)
    logits, targets = subject.test_logits()
    error = classify(logits, targets).top1_err
    assert error == pytest.approx(record_of(config)["errors"][weights]["top1_err"], abs=1e-9)
    images = subject.images("test")
    shape = (1, 3, 1, 1)
    pixels = (images.pixels(torch.arange(len(images))).float() / 255 - subject.mean.view(shape)) / subject.std.view(
        shape
    )
    network = subject.network()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    torch.testing.assert_close(network(pixels), logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(images.targets, targets)


def test_an_ensemble_of_all_epochs_is_the_mean_of_their_probabilities(runs: Path) -> None:
    sums = finished(composed(runs, "ols")).probability_sums()
    assert {size: epochs for size, (_, epochs) in sums.items()} == {2: [1, 3], 3: [1, 2, 3]}
    total, _ = sums[3]
    torch.testing.assert_close(total.sum(1), torch.full((len(total),), 3.0))


def test_labels_of_classes_are_learnt_or_as_the_method_makes_them(runs: Path) -> None:
    learnt, smooth = finished(composed(runs, "ols")).label_table(), finished(composed(runs, "ls")).label_table()
    torch.testing.assert_close(smooth, 0.9 * torch.eye(10) + 0.01)
    torch.testing.assert_close(learnt.sum(1), torch.ones(10))
    assert not torch.allclose(learnt, torch.full((10, 10), 0.1))
    with pytest.raises(UserError, match=r"method=sce has no labels of classes; hard, ls, ols and byot_ols have them"):
        finished(composed(runs, "sce")).label_table()


def test_hard_labels_are_one_hot(runs: Path) -> None:
    hard = Finished(composed(runs, "hard"), runs, {}, "best", torch.device("cpu"))
    assert torch.equal(hard.label_table(), torch.eye(10))


def test_one_parameter_more_is_another_evaluation_and_the_default_typed_is_the_same() -> None:
    assert evaluation_id(read_settings({"name": "ece"})) == evaluation_id(read_settings({"name": "ece", "bins": 15}))
    assert evaluation_id(read_settings({"name": "ece"})) != evaluation_id(read_settings({"name": "ece", "bins": 10}))
    assert evaluation_id(read_settings({"name": "fgsm", "epsilon": 8 / 255})) == evaluation_id(
        read_settings({"name": "fgsm", "epsilon": "8/255"})
    )


@pytest.mark.parametrize("name", evaluation_names())
def test_the_weights_are_part_of_the_id_where_they_are_measured(name: str) -> None:
    best, last = (read_settings({"name": name, "weights": weights}) for weights in ("best", "last"))
    assert (evaluation_id(best) != evaluation_id(last)) == (name not in ("ensemble", "soft_label"))


def test_weights_that_are_not_those_of_the_record_are_refused(runs: Path) -> None:
    config = composed(runs, "sce")
    named = {**record_of(config), "files": {"best.pt": "0"}}
    changed = Finished(config, folder_of(config), named, "best", torch.device("cpu"))
    with pytest.raises(UserError, match=r"best\.pt is gone or is not the file that its record names; --fresh"):
        changed.network()


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not finished, so nothing can be measured of it"):
        evaluate(composed(tmp_path / "runs", "hard"), settings_of("ece"))


def test_what_cannot_be_measured_is_told_and_the_rest_is_made(runs: Path) -> None:
    config = composed(runs, "ls")
    told: list[str] = []
    wishes = [(config, read_settings({"name": "ensemble", "size": 1})), (config, settings_of("ece"))]
    (problem,) = evaluate_many(wishes, told.append)
    assert problem in told
    assert problem.startswith(f"{run_id(config)}: ensemble.size=1: {run_id(config)} kept sums over 2, 3 models only")
    assert "--fresh" in problem
    assert read_evaluation(folder_of(config), settings_of("ece")) is not None
    assert not evaluation_folder(folder_of(config), wishes[0][1]).exists()


def test_human_labels_that_are_not_here_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    human = read_settings({"name": "kl_to_humans"})
    digits = compose_run(["dataset=digits", "method=hard"])
    with pytest.raises(UserError, match="dataset=digits has no human labels"):
        refuse_unready([(digits, human)])
    refuse_unready([(digits, settings_of("ece"))])


def test_a_records_config_is_the_run_that_it_is_of(runs: Path) -> None:
    for method in ("ols", "ls", "sce"):
        config = composed(runs, method)
        again = restored(json.loads((folder_of(config) / "record.json").read_text())["config"], config.runtime)
        assert again.in_force() == config.in_force()
        assert run_id(again) == run_id(config)


def test_the_true_labels_are_given_also_where_training_had_noise(tmp_path: Path) -> None:
    config = compose_run([*LINES, "noise=symmetric", "noise.rate=0.4", "method=hard"])
    noisy = Finished(replace(config), tmp_path, {}, "last", torch.device("cpu"))
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    assert torch.equal(noisy.images("train").targets, data.train_targets)


def test_a_run_that_was_tested_by_its_heads_together_is_not_measured_by_its_network_alone(tmp_path: Path) -> None:
    config = compose_run([*LINES, "method=byot", "method.eval=ensemble"])
    together = Finished(config, tmp_path, {}, "last", torch.device("cpu"))
    with pytest.raises(UserError, match=r"was tested by all its heads together.*method.eval=main"):
        together.network()


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    folder = tmp_path_factory.mktemp("detector")
    config = shape_run(folder / "data", folder / "runs", "method=ols")
    run(config, console=Console(quiet=True))
    return config


def test_a_detector_is_measured_once_and_at_one_size_scores_what_its_own_test_did(detector: RunConfig) -> None:
    settings = read_settings({"name": "detection", "sizes": [64], "flip": False, "weights": "last"})
    path = evaluate(detector, settings)
    record = read_evaluation(folder_of(detector), settings)
    assert record is not None
    assert record["samples"] == detector.dataset.test_size
    assert record["values"]["mAP"] == pytest.approx(record_of(detector)["errors"]["last"]["mAP"], abs=1e-9)
    written = path.stat().st_mtime_ns
    assert evaluate(detector, settings) == path
    assert path.stat().st_mtime_ns == written


def test_a_detectors_own_sizes_are_in_proportion_to_its_data_sets(detector: RunConfig) -> None:
    settings = read_settings({"name": "detection", "keep": 2})
    record = json.loads(evaluate(detector, settings).read_text())
    assert record["detail"]["sizes"] == [64, 96]
    assert record["detail"]["objects"] > 0


@pytest.mark.parametrize("name", OF_CLASSIFIERS)
def test_no_evaluation_of_classifiers_measures_a_detector(name: str, detector: RunConfig) -> None:
    with pytest.raises(UserError, match=rf"^evaluation={name} measures runs of classification, but .* of detection$"):
        evaluate(detector, settings_of(name))


def test_no_evaluation_of_detectors_measures_a_classifier(runs: Path) -> None:
    with pytest.raises(UserError, match=r"^evaluation=detection measures runs of detection, but .* of classification$"):
        evaluate(composed(runs, "ls"), read_settings({"name": "detection"}))


def test_a_detectors_run_is_restored_from_its_record(detector: RunConfig) -> None:
    again = restored(record_of(detector)["config"], detector.runtime)
    assert again.in_force() == detector.in_force()
    assert run_id(again) == run_id(detector)
