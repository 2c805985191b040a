"""Everything that a run leaves and that stopping it must not change: all but times and speeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

TIMES = ("seconds", "images_per_s")


def outcome(runs: Path, name: str) -> dict[str, Any]:
    """The contents of a run in a store, by file."""
    folder = runs / name
    tensors = {str(path.relative_to(folder)): load_file(path) for path in sorted(folder.rglob("*.safetensors"))}
    kept = (str(path.relative_to(folder)) for path in sorted(folder.glob("epochs/*")))
    names = ("best.pt", "last.pt", "checkpoint.pt", *kept)
    weights = {name: torch.load(folder / name, weights_only=True) for name in names}
    checkpoint = weights["checkpoint.pt"]
    del checkpoint["history"]
    checkpoint["progress"]["rows"] = [_timeless(row) for row in checkpoint["progress"]["rows"]]
    curves = [_timeless(json.loads(line)) for line in (folder / "curves.jsonl").read_text().splitlines()]
    record = json.loads((folder / "record.json").read_text())
    facts = {key: record[key] for key in ("run_id", "status", "errors", "noise", "bitwise") if key in record}
    return {**tensors, **weights, "curves": curves, "record": facts}


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in TIMES}


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Where two outcomes are not bit for bit the same."""
    if isinstance(ours, torch.Tensor):
        same = isinstance(theirs, torch.Tensor) and ours.dtype == theirs.dtype and torch.equal(ours, theirs)
        return [] if same else [where]
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            return [f"{where}: {sorted(map(str, ours.keys() ^ theirs.keys()))}"]
        return [line for key in ours for line in differences(ours[key], theirs[key], f"{where}/{key}")]
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        if len(ours) != len(theirs):
            return [f"{where}: length {len(ours)} and {len(theirs)}"]
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [line for at, (a, b) in pairs for line in differences(a, b, f"{where}/{at}")]
    return [] if ours == theirs else [f"{where}: {ours} and {theirs}"]
