"""PASCAL VOC's annotation files: XML that may come from anywhere, and is not trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import NamedTuple
from xml.etree import ElementTree

from olsrepro.checks import did_you_mean
from olsrepro.data.objects import Annotated
from olsrepro.settings import UserError

_MOST_BYTES = 1 << 20  # none of the published ones comes near
_SIDES = ("width", "height")
_EDGES = ("xmin", "ymin", "xmax", "ymax")


class Annotation(NamedTuple):
    """Contents of an annotation: width and height of its image in pixels, and the objects in it."""

    size: tuple[float, float]
    objects: list[Annotated]


def read_annotation(path: Path, classes: Mapping[str, int]) -> Annotation:
    """Read the size of one image and the objects in it, in the order of the file; there may be none.

    VOC counts pixels from 1 and its edges are inside the box, so that one with ``xmin`` = ``xmax`` is a pixel wide. A
    box that sticks out of the image, whose size the file gives, is cut at its border.

    Args:
        path: of the annotation.
        classes: the number of each class, by its name.

    Raises:
        UserError: with the file's name: it can't be read, is too large, is not XML or has a document type (and so may
            have entities); it names another image than its own name says; its image has no size; an object has an
            unknown class, or a box that isn't four numbers, is empty, or lies outside the image.
    """
    root = _tree(path)
    _refuse_other_image(root, path)
    width, height = (_number(root.findtext(f"size/{side}"), f"a size without {side}", path) for side in _SIDES)
    if not (width >= 1 and height >= 1):
        raise refused(path, f"an image of {width:g} x {height:g} pixels")
    return Annotation(
        (width, height), [_object(item, classes, (width, height), path) for item in root.findall("object")]
    )


def refused(path: Path, what: str) -> UserError:
    """Build the error for an annotation that can't be used."""
    return UserError(f"{path} has {what}; put the published annotation there")


class _Plain(ElementTree.TreeBuilder):
    """Tree of a document without a type: nothing can be declared in it, so nothing expands or is fetched."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("a document type, which no published one has")


def _tree(path: Path) -> ElementTree.Element:
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}; put the published annotation there") from None
    if len(content) > _MOST_BYTES:
        raise refused(path, f"more than {_MOST_BYTES:,} bytes")
    try:
        return ElementTree.fromstring(content, ElementTree.XMLParser(target=_Plain()))
    except ElementTree.ParseError as error:
        raise refused(path, f"no valid XML ({error})") from None
    except (ValueError, LookupError) as error:  # the latter: an unknown encoding
        raise refused(path, str(error)) from None


def _refuse_other_image(root: ElementTree.Element, path: Path) -> None:
    named = (root.findtext("filename") or "").strip()
    if named and PureWindowsPath(named).stem != path.stem:  # which takes both kinds of slashes
        raise refused(path, f"the annotation of another image, {named}")


def _object(item: ElementTree.Element, classes: Mapping[str, int], size: tuple[float, float], path: Path) -> Annotated:
    name = (item.findtext("name") or "").strip()
    if name not in classes:
        raise refused(path, f"an object of the unknown class {name!r} ({did_you_mean(name, classes)})")
    edges = [_number(item.findtext(f"bndbox/{edge}"), f"a {name} without {edge}", path) for edge in _EDGES]
    x1, y1, x2, y2 = edges[0] - 1, edges[1] - 1, edges[2], edges[3]
    shown = f"a {name} whose box ({', '.join(f'{edge:g}' for edge in edges)})"
    if not (x1 < x2 and y1 < y2):
        raise refused(path, f"{shown} is empty")
    box = (max(x1, 0.0), max(y1, 0.0), min(x2, size[0]), min(y2, size[1]))
    if not (box[0] < box[2] and box[1] < box[3]):
        raise refused(path, f"{shown} lies outside its {size[0]:g} x {size[1]:g} pixels")
    difficult = (item.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise refused(path, f"a {name} with difficult={difficult} instead of 0 or 1")
    return Annotated(box, classes[name], difficult == "1")


def _number(text: str | None, lacking: str, path: Path) -> float:
    """Parse a finite number; ``lacking`` says what the file has where there is none."""
    try:
        value = float(text or "")
    except ValueError:
        raise refused(path, lacking) from None
    if not math.isfinite(value):
        raise refused(path, lacking)
    return value
