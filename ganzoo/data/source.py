"""What readers return: the splits of a source, each of which can be streamed at any geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ganzoo.data.decode import Geometry
from ganzoo.data.packed import Chunk


@dataclass
class Split:
    """One split of a source.

    count: images it holds (unreadable ones included). size: the (height, width) all its images share, or None.
    channels: 1 where all are gray. lossy: "jpeg" or "webp" where any image is stored so.
    kind: "images", "pairs" (each image is its two halves), "unpaired" (the classes are the two sides) or
    "captions". size, square: of one half of a pair.
    read: streams chunks and notes in ``skipped`` which files could not be read.
    """

    name: str
    count: int
    channels: int
    size: tuple[int, int] | None
    read: Callable[[Geometry, list[str]], Iterator[Chunk]]
    classes: tuple[str, ...] = ()
    labelled: bool = False
    square: bool = True
    lossy: str = ""
    kind: str = "images"
    skipped: list[str] = field(default_factory=list)

    @property
    def panels(self) -> int:
        """Pictures side by side in each image."""
        return 2 if self.kind == "pairs" else 1

    def chunks(self, geometry: Geometry) -> Iterator[Chunk]:
        """Images at ``geometry`` with their labels or captions, in order."""
        return self.read(geometry, self.skipped)
