"""`olsrepro evaluate`: numbers of a finished run, and one line for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from registry import TINY
from rich.console import Console

from olsrepro.cli.main import main
from olsrepro.config.compose import compose_run
from olsrepro.launch.run import run
from olsrepro.store.identity import run_id

LINES = [*(line for line in TINY if "epochs" not in line), "recipe.epochs=1", "runtime.tensorboard=false"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store with one run, and the run's id."""
    folder = tmp_path_factory.mktemp("evaluate") / "runs"
    config = compose_run([*LINES, "method=ls", f"runtime.runs_dir={folder}"])
    run(config, console=Console(quiet=True))
    return folder, run_id(config)


def test_numbers_of_several_evaluations_are_printed_with_their_records(
    store: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    runs, name = store
    command = ["evaluate", name, "ece", "fgsm", "fgsm.first=10", "ece.bins=5", "weights=last"]
    assert main([*command, f"runtime.runs_dir={runs}"]) == 0
    first, path, second, _ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{name} ece (last weights, 360 samples): ece ")
    assert second.startswith(f"{name} fgsm (last weights, 10 samples): ")
    assert Path(path.removeprefix("record: ")).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ece"], "name at least one run and one evaluation"),
        (["RUN"], "name at least one run and one evaluation"),
        (["RUN", "ecee"], "ecee is neither a run id, such as 3f9c2a17b04d5e61-s0, nor an evaluation; did you mean ece"),
        (["RUN", "ece", "ece.binz=3"], "ece.binz=3: ece has no binz; did you mean bins?"),
        (["RUN", "ece", "ece.bins=0"], "ece.bins=0"),
        (["RUN", "ece", "fgsm.first=3"], "fgsm.first=3 has no effect: fgsm is not one of the evaluations named"),
        (["RUN", "ece", "weights=best_of_all"], "weights=best_of_all is not known"),
        (["0000000000000000-s0", "ece"], "there is no run 0000000000000000-s0 in"),
        (["RUN", "kl_to_humans"], "dataset=digits has no human labels"),
        (["RUN", "ensemble"], "runtime.ensemble_sizes"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], message: str, store: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    runs, name = store
    given = [name if word == "RUN" else word for word in words]
    assert main(["evaluate", *given, f"runtime.runs_dir={runs}"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_show_tells_what_a_run_was_measured_by(store: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    runs, name = store
    assert main(["evaluate", name, "ece", f"runtime.runs_dir={runs}"]) == 0
    capsys.readouterr()
    assert main(["show", name, f"runtime.runs_dir={runs}"]) == 0
    assert "  ece       ece " in capsys.readouterr().out
