"""From a file or folder of labelled images to one memory-mapped array that every worker reads.

``load_source`` looks at what there is and returns an ``ImageSource``: rows of labels at once, and
pictures one at a time when they are asked for. ``prepare`` resizes them once a machine into a
store, and reopens what is there.

Choices that other parts rely on:

- A row number is the position in the container: the order of an ``.npz`` or a ``.csv``; in a folder
  the classes in order, then the file names in order. Folds and exclusion lists count in rows, so
  the fingerprint depends on that order, and on nothing else about the container.
- A picture is 8-bit RGB. Grey is repeated, transparency is laid over white, CMYK and palettes are
  converted, 16 bits keep their upper 8, EXIF orientation is applied, and of an animation the first
  frame counts.
- Pictures are resized to a square without keeping their aspect, because the exported model, which
  takes images of any size, does the same.
"""

from objectives.data.loading import load_source
from objectives.data.prepared import prepare
from objectives.data.source import ImageSource, UnreadableImageError

__all__ = ["ImageSource", "UnreadableImageError", "load_source", "prepare"]
