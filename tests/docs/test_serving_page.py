"""The examples of the page do what it says they do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objectives.data.resizing import resize
from objectives.exporting.exporter import Source, exporter_of
from objectives.exporting.formats import FORMATS
from tests.docs.pages import ROOT, code_blocks, section, table_rows

PAGE = (ROOT / "docs" / "serving.md").read_text("utf-8")
CLIENT, RESIZING, *ASKING = code_blocks(PAGE, "python")
OUT = {
    "onnx": "cells.onnx",
    "tflite": "cells.tflite",
    "saved_model": "cells",
    "keras": "cells.keras",
}


def test_the_client_is_five_lines_behind_its_imports() -> None:
    lines = [line for line in CLIENT.splitlines() if line]
    assert len([line for line in lines if not line.startswith(("import", "from"))]) == 5


@pytest.mark.parametrize("size", [(61, 97), (24, 24), (10, 33)])
def test_the_resize_of_the_page_is_the_loaders(size: tuple[int, int], tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "cell.png")
    names: dict[str, object] = {}
    exec(compile(RESIZING, "docs/serving.md", "exec"), names)
    resized = names["resized"]
    assert callable(resized)
    np.testing.assert_array_equal(resized(tmp_path / "cell.png", 24), resize(image, 24))


def test_every_format_is_in_the_table_with_its_tolerance() -> None:
    rows = {
        cells[0].strip("`"): float(cells[-1])
        for cells in table_rows(section(PAGE, "Other formats"))
    }
    assert rows == {name: export_format.tolerance for name, export_format in FORMATS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_asked_as_the_page_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.objectives.exporting.served_models import PX, tiny_single

    monkeypatch.chdir(tmp_path)
    model = tiny_single()
    model.save("registered.keras")
    exporter_of(FORMATS[name]).write(Source(model, Path("registered.keras")), Path(OUT[name]))
    images = np.random.default_rng(1).integers(0, 256, (5, PX, PX, 3), dtype=np.uint8)
    (example,) = [text for text in ASKING if f'"{OUT[name]}"' in text]
    names: dict[str, object] = {"images": images}
    exec(compile(example, "docs/serving.md", "exec"), names)
    np.testing.assert_allclose(
        np.asarray(names["probabilities"]), model.predict_on_batch(images), atol=1e-4
    )
