from __future__ import annotations

import hashlib
from pathlib import Path

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
