"""Comments that cite the paper: the section or table that each names has the number or the word."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from paper_citations import ROOT, citations, in_config

FACTS = {
    part: set(known) for part, known in yaml.safe_load((ROOT / "tests/golden/paper_facts.yaml").read_text()).items()
}


def test_every_comment_that_cites_the_paper_names_a_place_that_has_its_number_or_word() -> None:
    found = citations()
    print(
        f"{len(found)} citations of the paper in configs/ and cards, {len(FACTS)} of its sections, tables and captions"
    )
    assert [(item.where, item.parts) for item in found if not item.holds(FACTS)] == []
    assert len(found) > 220


@pytest.mark.parametrize(
    "line",
    [
        "batch_size: 256 # paper V-A: four GPUs with 64 each",
        "train_size: 1281167 # Russakovsky et al. 2015; the paper's Table V rounds to 1.2M",
        "name: voc # the official lists: test of 2007 (paper Table X: VOC07+12)",
        "metric: mAP # paper, caption",
        "batch_norm: local # paper V-A",
        "epochs: 250 # paper V-D",
        "depth: 56 # paper: ResNet-56",
    ],
)
def test_a_wrong_source_is_found(line: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(f"place: Table X\n{line}\n")
    assert [item.holds(FACTS) for item in in_config(file)] == [False]
