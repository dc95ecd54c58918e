"""Pictures as MLflow's UI shows them among a run's charts: each twice, full and small.

The UI lists what lies in ``images`` and reads name, step and time out of the file names, which are
those of ``MlflowClient.log_image``. Here they follow from the message alone, so that sending it
again writes over what is there.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from mlruns_config.outbox.messages import Message

FOLDER = "images"
SMALL_PX = 256
"""Longest edge of the small one, which is what the UI loads at first; MLflow's own size."""
_NAMESPACE = uuid.UUID("5b0c2b2e-0f0e-4a53-9f0a-6d1e0d8a4a55")


@contextmanager
def picture_files(picture: Path, message: Message) -> Iterator[tuple[Path, Path]]:
    """Write both files of a picture into a folder that lasts as long as the block.

    Args:
        picture: A file that Pillow reads.
        message: Of kind ``picture``, with ``name`` and ``step``.

    Raises:
        OSError: If the file is no picture, or the disk is full.
    """
    name = file_name(message)
    with TemporaryDirectory() as folder, Image.open(picture) as opened:
        full, small = Path(folder) / f"{name}.png", Path(folder) / f"{name}+compressed.webp"
        image = opened.convert("RGB")
        image.save(full, compress_level=1)
        image.thumbnail((SMALL_PX, SMALL_PX))
        image.save(small)
        yield full, small


def file_name(message: Message) -> str:
    """Name the files of a picture, but for what comes behind: folders of its name are ``~``."""
    name, step = message.body["name"], message.body["step"]
    same = f"{message.run.key} {message.run.phase} {name} {step} {message.time_ms}"
    key = name.replace("/", "~")
    return f"{key}+step+{step}+timestamp+{message.time_ms}+{uuid.uuid5(_NAMESPACE, same)}"
