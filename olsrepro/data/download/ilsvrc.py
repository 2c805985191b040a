"""ImageNet's archives (ILSVRC 2012), whose layout no reader knows: they are sorted into a folder for each class.

SciPy, which reads the development kit's ``.mat`` file, is imported only there. No torch here.
"""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from olsrepro.data.download import checksums
from olsrepro.files import checksum
from olsrepro.files.archive import FileSum, Place, move_into, staging, telling, unpack_members, unpack_tar, work_folder
from olsrepro.files.atomic import write_text
from olsrepro.files.system_files import is_left_by_systems
from olsrepro.settings import UserError

CLASS_NAMES = "classes.json"

_DATA = PurePosixPath("ILSVRC2012_devkit_t12/data")
_META = _DATA / "meta.mat"
_TRUTH = _DATA / "ILSVRC2012_validation_ground_truth.txt"


def unpack_devkit(archive: Path, folder: Path) -> Iterator[FileSum]:
    """Unpack the development kit, and write the classes' names to ``classes.json``: ``{"n01440764": "tench", ...}``.

    A class's name is the first of its words, as the kit has them.
    """
    yield from unpack_tar(archive, folder)
    names = {wnid: words.split(",")[0] for wnid, words in sorted(leaves(folder).values())}
    write_text(folder / CLASS_NAMES, json.dumps(names, indent=2, ensure_ascii=False) + "\n")
    path = folder / CLASS_NAMES
    yield FileSum(CLASS_NAMES, path.stat().st_size, checksum.md5(path))


def unpack_train(archive: Path, folder: Path) -> Iterator[FileSum]:
    """Unpack the training images, a tar of one tar per class, to ``train/<wnid>/``; the inner tars are read in place.

    A class's folder is whole or absent. An interrupted unpacking is resumed: what is done is noted class by class in a
    work folder, which is removed at the end.
    """
    work = work_folder(archive, folder)
    with telling(archive, folder), tarfile.open(archive) as outer:
        work.mkdir(parents=True, exist_ok=True)
        for member in outer:
            if not is_left_by_systems(PurePosixPath(member.name)):
                yield from _unpack_class(outer, member, archive, folder)
        shutil.rmtree(work)


def _unpack_class(outer: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, folder: Path) -> Iterator[FileSum]:
    wnid, content = _wnid(member, archive), outer.extractfile(member)
    notes = work_folder(archive, folder) / f"{wnid}.sums"
    home = PurePosixPath("train", wnid)
    if not (notes.is_file() and (folder / home).is_dir()):
        with staging(work_folder(archive, folder) / wnid) as stage, tarfile.open(fileobj=content) as inner:
            files = list(unpack_members(inner, archive, stage, lambda path: home / path.name))
            move_into(stage, folder)
        checksums.write(notes, (checksums.ListedSum(archive.name, file) for file in files))
    yield from (entry.file for entry in checksums.read(notes))


def _wnid(member: tarfile.TarInfo, archive: Path) -> str:
    if member.isfile() and (found := re.fullmatch(r"(?:\./)?(n\d{8})\.tar", member.name)):
        return found[1]
    raise UserError(f"{archive} is refused: its member {member.name!r} is not a class's tar, such as n01440764.tar")


def unpack_val(archive: Path, folder: Path) -> Iterator[FileSum]:
    """Unpack the validation images, which lie flat in their tar, to ``val/<wnid>/`` as the development kit says.

    Raises:
        UserError: the kit isn't unpacked here, or is damaged; an image isn't among those that it knows.
    """
    return unpack_tar(archive, folder, _sorted_by(validation_wnids(folder), archive))


def _sorted_by(wnids: list[str], archive: Path) -> Place:
    def place(path: PurePosixPath) -> PurePosixPath:
        number = re.fullmatch(r"ILSVRC2012_val_(\d{8})\.JPEG", path.name)
        if number is None or not 1 <= int(number[1]) <= len(wnids):
            raise UserError(
                f"{archive} is refused: its member {str(path)!r} is not one of the {len(wnids)} validation images"
            )
        return PurePosixPath("val", wnids[int(number[1]) - 1], path.name)

    return place


def validation_wnids(folder: Path) -> list[str]:
    """Read the class of each validation image, in the order of their numbers (from 1 on), from the unpacked kit."""
    classes = leaves(folder)
    try:
        numbers = (folder / _TRUTH).read_text(encoding="utf-8-sig").split()  # some editors put a byte-order mark first
        return [classes[int(number)][0] for number in numbers]
    except OSError as error:
        raise _unreadable(folder / _TRUTH, error.strerror) from None
    except (ValueError, KeyError):
        raise _unreadable(folder / _TRUTH, "it has lines that are no number of a class") from None


def leaves(folder: Path) -> dict[int, tuple[str, str]]:
    """Read the unpacked kit's classes: wnid and words by ILSVRC2012_ID (from 1 on); synsets above them are left out."""
    from scipy.io import loadmat

    try:
        synsets = loadmat(folder / _META, squeeze_me=True)["synsets"]
        rows = zip(*(synsets[field] for field in ("ILSVRC2012_ID", "WNID", "words", "num_children")), strict=True)
        return {int(number): (str(wnid), str(words)) for number, wnid, words, children in rows if int(children) == 0}
    except MemoryError:
        raise
    except OSError as error:
        raise _unreadable(folder / _META, error.strerror) from None
    except Exception:  # a file that is not a .mat file can fail in any way
        raise _unreadable(folder / _META, "it is no list of classes in MATLAB's format") from None


def _unreadable(path: Path, reason: str | None) -> UserError:
    return UserError(
        f"{path} can't be read ({reason}); remove {path.parent.parent} and run `olsrepro data fetch imagenet`"
    )
