"""A place is taken whole or not at all."""

from pathlib import Path

import pytest

from bench.disturbances.small_disk import SmallDisk
from objectives.exporting.formats import FORMATS
from search.exporting.target import SAVED_MODEL_FILE, check_target, placed, size_bytes
from spaces.errors import DiskFullError, InputError

ONNX, SAVED_MODEL = FORMATS["onnx"], FORMATS["saved_model"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def saved_model_at(folder: Path, content: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / SAVED_MODEL_FILE).write_text(content)
    (folder / "variables" / "data").write_text(content)
    return folder


def test_a_file_gets_its_name_at_the_end_and_its_folder_is_made(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "model.onnx"
    with placed(out, ONNX, force=False) as half_made:
        half_made.write_text("new")
        assert half_made.suffix == ".onnx"
        assert not out.exists()
    assert out.read_text() == "new"
    assert names_in(out.parent) == ["model.onnx"]


def test_a_folder_gets_its_name_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "model"
    with placed(out, SAVED_MODEL, force=False) as half_made:
        saved_model_at(half_made, "new")
    assert (out / "variables" / "data").read_text() == "new"
    assert names_in(tmp_path) == ["model"]
    assert size_bytes(out) == 6


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_leaves_nothing_and_what_was_there_stays(
    error: type[BaseException], tmp_path: Path
) -> None:
    out = tmp_path / "model.onnx"
    out.write_text("before")

    def fail() -> None:
        with placed(out, ONNX, force=True) as half_made:
            half_made.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert out.read_text() == "before"
    assert names_in(tmp_path) == ["model.onnx"]


def test_force_replaces_a_file_and_a_saved_model(tmp_path: Path) -> None:
    file, folder = tmp_path / "model.onnx", saved_model_at(tmp_path / "model", "before")
    (folder / "stale").write_text("x")
    file.write_text("before")
    with placed(file, ONNX, force=True) as half_made:
        half_made.write_text("new")
    with placed(folder, SAVED_MODEL, force=True) as half_made:
        saved_model_at(half_made, "new")
    assert file.read_text() == "new"
    assert (folder / SAVED_MODEL_FILE).read_text() == "new"
    assert not (folder / "stale").exists()
    assert names_in(tmp_path) == ["model", "model.onnx"]


def test_a_place_that_is_taken_is_refused_without_force(tmp_path: Path) -> None:
    for out, export_format in ((tmp_path / "a.onnx", ONNX), (tmp_path / "b", SAVED_MODEL)):
        out.write_text("mine")
        with pytest.raises(InputError, match="exists: name another --out, or add --force"):
            check_target(out, export_format, force=False)


def test_a_link_to_nowhere_counts_as_taken(tmp_path: Path) -> None:
    out = tmp_path / "a.onnx"
    out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="exists"):
        check_target(out, ONNX, force=False)


def test_force_never_takes_a_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    mine = tmp_path / "work.onnx"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    linked = tmp_path / "linked"
    linked.symlink_to(saved_model_at(tmp_path / "model", "x"))
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InputError, match="is a folder, which --force does not replace"):
        check_target(mine, ONNX, force=True)
    for out in (mine, linked, file):
        with pytest.raises(InputError, match="is no folder of a SavedModel"):
            check_target(out, SAVED_MODEL, force=True)
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty", SAVED_MODEL, force=True)


def test_a_place_that_somebody_else_takes_meanwhile_stays_theirs(tmp_path: Path) -> None:
    out = tmp_path / "a.onnx"

    def lose() -> None:
        with placed(out, ONNX, force=False) as half_made:
            half_made.write_text("ours")
            out.write_text("theirs")

    with pytest.raises(InputError, match="exists"):
        lose()
    assert out.read_text() == "theirs"


@pytest.mark.parametrize("name", ["model", "model.keras", "model.ONNX", ".onnx"])
def test_a_name_that_says_another_format_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.onnx"):
        check_target(tmp_path / name, ONNX, force=False)


def test_a_place_where_nothing_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    out = tmp_path / "file" / "deep" / "a.onnx"
    with pytest.raises(InputError, match="cannot be written"), placed(out, ONNX, force=False):
        pass


def test_a_full_disk_is_told_and_nothing_stays(small_disk: SmallDisk) -> None:
    out = small_disk.folder / "a.onnx"
    with pytest.raises(DiskFullError), placed(out, ONNX, force=False) as half_made:
        half_made.write_bytes(bytes(8 * 2**20))
    assert not out.exists()
    assert list(small_disk.folder.glob(".foldsweep-export-*")) == []
