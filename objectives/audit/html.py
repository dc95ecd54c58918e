"""The audit as one HTML file with pictures in it, to be read without a server or a network."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from PIL import Image

from objectives.audit.exclusion import save_excluded_rows
from objectives.audit.report import AuditReport
from objectives.data import ImageSource, UnreadableImageError
from spaces.files import replacing

SHOWN_CLUSTERS = 30
SHOWN_PICTURES = 8
SHOWN_ROWS = 200
_PICTURE_PX = 96


@dataclass(frozen=True)
class _Picture:
    row: int
    name: str
    label: str
    data_uri: str


def write_report(report: AuditReport, source: ImageSource, folder: Path) -> Path:
    """Write ``report.html`` and, for ``data.exclude``, ``exclude.txt`` into a folder.

    Args:
        report: What the audit found.
        source: What it looked at, for the pictures.
        folder: Made if need be.

    Returns:
        The path of the HTML file.

    Raises:
        UnavailableError: If the disk is full.
    """
    alone = [row for row, text in report.reasons.items() if _shows_alone(text)]
    page = _template().render(
        title=source.path.name,
        report=report,
        clusters=[
            (cluster, [_picture(source, row) for row in cluster.rows[:SHOWN_PICTURES]])
            for cluster in report.clusters[:SHOWN_CLUSTERS]
        ],
        alone={row: _picture(source, row) for row in alone[:SHOWN_ROWS]},
        n_alone=len(alone),
        warnings=[
            (source.name(row), text) for row, text in list(report.warnings.items())[:SHOWN_ROWS]
        ],
    )
    save_excluded_rows(report.exclude, folder / "exclude.txt")
    path = folder / "report.html"
    with replacing(path) as file:
        file.write(page.encode())
    return path


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _shows_alone(reason: str) -> bool:
    return not reason.startswith(("label conflict", "duplicate"))


def _picture(source: ImageSource, row: int) -> _Picture:
    label = source.class_names[int(source.labels[row])]
    try:
        image = Image.fromarray(source.read(row))
    except UnreadableImageError:
        return _Picture(row, source.name(row), label, "")
    image.thumbnail((_PICTURE_PX, _PICTURE_PX))
    content = io.BytesIO()
    image.save(content, "PNG")
    encoded = base64.b64encode(content.getvalue()).decode()
    return _Picture(row, source.name(row), label, f"data:image/png;base64,{encoded}")
