from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from olsrepro.files.checksum import matches, md5, of_file, sha256


def test_checksums_are_hashlibs(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000  # more than one block
    path = tmp_path / "file"
    path.write_bytes(content)
    assert md5(path) == hashlib.md5(content).hexdigest()
    assert sha256(path) == hashlib.sha256(content).hexdigest()
    assert of_file(path, "sha256") == f"sha256:{sha256(path)}"
    assert matches(path, f"md5:{md5(path)}")
    assert not matches(path, f"md5:{'0' * 32}")


def test_the_first_digits_may_stand_for_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert matches(path, "sha256:ba7816bf")  # of FIPS 180-2's example
    assert not matches(path, "sha256:ba7816bf0")
    assert not matches(path, "md5:ba7816bf")
    with pytest.raises(ValueError, match="sha256:ba7816b has too few digits"):
        matches(path, "sha256:ba7816b")
