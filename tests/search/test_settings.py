"""What a machine sets by environment variables, and what is wrong with them."""

import os
import sys
from pathlib import Path

import pytest

from search.settings import RuntimeSettings, has_screen
from search.storage_url import parse_storage_url
from spaces.errors import InputError


def test_without_variables_everything_lies_in_a_folder_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    settings = RuntimeSettings.from_environment()
    assert settings.home == tmp_path / "foldsweep-home"
    assert settings.storage_url == f"sqlite:///{tmp_path}/foldsweep-home/foldsweep.db"
    assert (settings.store_bytes, settings.lease_s) == (50_000_000_000, 60.0)
    assert settings.visible_gpus is None


def test_variables_say_where_sweeps_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path))
    monkeypatch.setenv("FOLDSWEEP_STORE_GB", "0.5")
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "2.5")
    settings = RuntimeSettings.from_environment()
    assert settings.storage_url == f"sqlite:///{tmp_path}/foldsweep.db"
    assert (settings.store_bytes, settings.lease_s) == (500_000_000, 2.5)


def test_a_variable_set_to_nothing_is_not_set_but_no_visible_gpu_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HOME", "STORAGE_URL", "STORE_GB", "LEASE_S"):
        monkeypatch.setenv(f"FOLDSWEEP_{name}", " ")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    settings = RuntimeSettings.from_environment()
    assert settings == RuntimeSettings(home=Path("foldsweep-home"), store_gb=50, lease_s=60)
    assert settings.visible_gpus == ""


def test_what_is_given_in_code_goes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOLDSWEEP_HOME", "/elsewhere")
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "7")
    settings = RuntimeSettings(home=tmp_path)
    assert (settings.home, settings.lease_s) == (tmp_path, 7.0)
    assert settings.storage_url == f"sqlite:///{tmp_path}/foldsweep.db"


@pytest.mark.parametrize("name", ["50%41", "what?", "a b", "größe#1"])
def test_a_home_of_any_name_holds_its_own_database(name: str, tmp_path: Path) -> None:
    url = parse_storage_url(RuntimeSettings(home=tmp_path / name).storage_url)
    assert url.database == str(tmp_path / name / "foldsweep.db")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *[("FOLDSWEEP_STORE_GB", size) for size in ("much", "0", "-3", "nan", "inf", "1e999")],
        *[("FOLDSWEEP_LEASE_S", lease) for lease in ("short", "0", "-1", "61", "nan", "inf")],
        ("FOLDSWEEP_HOME", "~nobody-of-that-name/sweeps"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=f"^{variable} = '{value}' will not do: .*unset it"):
        RuntimeSettings.from_environment()


@pytest.mark.parametrize("variable", ["FOLDSWEEP_HOME", "FOLDSWEEP_STORAGE_URL"])
def test_bytes_that_are_no_text_are_refused_without_a_password(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, os.fsdecode(b"postgresql://ann:s3cret@db/\xff"))
    with pytest.raises(InputError, match=f"^{variable} = .* no text in UTF-8") as caught:
        RuntimeSettings.from_environment()
    assert "s3cret" not in str(caught.value)


def test_settings_are_shown_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", "postgresql://ann:s3cret@db/sweeps")
    assert "s3cret" not in repr(RuntimeSettings.from_environment())


def test_no_two_names_share_a_folder_where_capitals_do_not_count() -> None:
    settings = RuntimeSettings()
    names = ["zoo", "Zoo", "ZOO", "zOo", "zoo.lock", "Zoo.lock"]
    folders = {str(settings.sweep_folder(name)).lower() for name in names}
    assert len(folders) == len(names)
    assert settings.sweep_folder("zoo") == settings.home / "sweeps" / "zoo"


def test_other_machines_get_what_their_workers_read_and_nothing_of_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path))
    monkeypatch.setenv("FOLDSWEEP_CHECKPOINTS", "s3://states")
    for name in ("PGPASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_ACCESS_KEY_ID", "KERAS_HOME"):
        monkeypatch.setenv(name, name.lower())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    given = RuntimeSettings.from_environment().travelling_environment()
    assert given["FOLDSWEEP_STORAGE_URL"] == f"sqlite:///{tmp_path}/foldsweep.db"
    assert (given["FOLDSWEEP_CHECKPOINTS"], given["FOLDSWEEP_LEASE_S"]) == ("s3://states", "60.0")
    for name in ("PGPASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_ACCESS_KEY_ID", "KERAS_HOME"):
        assert given[name] == name.lower()
    assert not {"FOLDSWEEP_HOME", "CUDA_VISIBLE_DEVICES", "PATH", "HOME"} & set(given)


def test_a_screen_is_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_screen()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert not has_screen()
