"""Description of a data set before it is here: its sizes, archives, checksums, licence. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Archive:
    """One file of a data set as it is published.

    Attributes:
        file: its name.
        md5: of it; empty where none is known.
        urls: of it, tried in order; none where it can't be fetched, but must be put into the root by hand.
        form: how it becomes part of the data set, one of those of :mod:`.unpack`: a ``tar`` is unpacked, a
            ``plain`` file is put there as it is.
        inside: the folder in the tar that becomes the data set's folder; what lies beside it is left out.
        needed_by: the archive that is unpacked with the help of this one, which no reader needs.
        packaging: names the archives that belong together, where a data set comes in several packagings.
        class_folder: a folder that it leaves, under the data set's, with a folder of images for each class.
        images: folders of images that it leaves, under the data set's, with the number of images in each.
        files: other files that it leaves and a reader needs.
    """

    file: str
    md5: str = ""
    urls: tuple[str, ...] = ()
    form: str = "tar"
    inside: str = ""
    needed_by: str = ""
    packaging: str = ""
    class_folder: str = ""
    images: tuple[tuple[str, int], ...] = ()
    files: tuple[str, ...] = ()

    @property
    def traces(self) -> tuple[str, ...]:
        """Paths, under the data set's folder, that tell whether it has been unpacked."""
        return (*(folder for folder, _ in self.images), *self.files)


@dataclass(frozen=True)
class Source:
    """A data set that is fetched, or (without archives) comes with a package.

    Attributes:
        name: of the data set.
        num_classes, train_size, test_size, image_size: classes, images, images, pixels.
        licence: a line to show before a download.
        archives: what it is published as, in the order of unpacking.
        folder: where its files lie under the root (torchvision's layout).
        files: the published MD5 of each file in that folder; none where only the archives have one.
        origin: where to get what can't be fetched; for what comes with a package, the package (scikit-learn if empty).
        layout: what a copy that was unpacked by hand must look like, under the root.
    """

    name: str
    num_classes: int
    train_size: int
    test_size: int
    image_size: int
    licence: str
    archives: tuple[Archive, ...] = ()
    folder: str = ""
    files: tuple[tuple[str, str], ...] = ()
    origin: str = ""
    layout: str = ""

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with a package, so that nothing is fetched."""
        return not self.archives

    @property
    def place(self) -> str:
        """Path of its folder under the root."""
        return self.folder

    @property
    def sums(self) -> tuple[tuple[str, str], ...]:
        """Files under the root whose checksum is published, each with it, as ``algorithm:<hex>``."""
        return tuple((f"{self.folder}/{file}", f"md5:{expected}") for file, expected in self.files)

    @property
    def packagings(self) -> tuple[tuple[Archive, ...], ...]:
        """Archives of each packaging; those of any one make the data set."""
        names = dict.fromkeys(archive.packaging for archive in self.archives)
        return tuple(tuple(archive for archive in self.archives if archive.packaging == name) for name in names)


@dataclass(frozen=True)
class LabelFile:
    """Further labels for the test images of a data set: one file, which is fetched by itself.

    Attributes:
        name: by which it is fetched.
        dataset: whose test images are labelled, in their order.
        num_classes, test_size: classes, images.
        licence: a line to show before a download.
        urls: of the file, tried in order.
        sha256: of the file.
        place: where it lies under the root.
    """

    archives: ClassVar[tuple[Archive, ...]] = ()
    is_built_in: ClassVar[bool] = False

    name: str
    dataset: str
    num_classes: int
    test_size: int
    licence: str
    urls: tuple[str, ...]
    sha256: str
    place: str

    @property
    def sums(self) -> tuple[tuple[str, str], ...]:
        """File with its checksum ``algorithm:<hex>``."""
        return ((self.place, f"sha256:{self.sha256}"),)
