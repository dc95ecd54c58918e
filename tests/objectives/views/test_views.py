"""Views: the same bytes from anywhere, folds apart, nothing made twice."""

import hashlib
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from objectives.augmentation import augmenter
from objectives.records import ImageArray, LabelledImages
from objectives.store.array_store import ArrayStore
from objectives.views.views import SharingCounts, ViewKey, Views
from spaces.errors import InputError
from tests.objectives.augmentation.real_pictures import crops

ROOT = Path(__file__).parents[3]
N_ROWS, IMAGE_PX, SHARD_ROWS, N_FOLDS = 45, 24, 8, 3
ROWS = np.delete(np.arange(N_ROWS + 5), [3, 10, 11, 30, 49])
POOLS = np.arange(N_ROWS) % N_FOLDS
POLICIES = [
    "none",
    "flip",
    "geometric",
    "randaugment",
    "augmix",
    "augmix+randaugment",
    "cutmix",
    "mixup",
    "augmix+cutmix+mixup+flip",
]


def _data(folder: Path, images: ImageArray | None = None) -> LabelledImages:
    path = folder / "base.npy"
    if images is not None or not path.exists():
        np.save(path, crops(N_ROWS + 5, IMAGE_PX) if images is None else images)
    # One class a row, so that a label tells which rows went into it.
    labels = np.arange(N_ROWS + 5, dtype=np.int64)
    mapped = np.load(path, mmap_mode="r")
    return LabelledImages(mapped, labels, tuple(map(str, labels)), (), "fingerprint")


def _views(
    folder: Path,
    *,
    data: LabelledImages | None = None,
    threads: int = 2,
    max_bytes: int = 10**9,
    seed: int = 0,
) -> Views:
    return Views(
        data or _data(folder),
        ROWS,
        POOLS,
        n_classes=N_ROWS + 5,
        seed=seed,
        augmenter=augmenter("opencv"),
        store=ArrayStore(folder / "store", max_bytes=max_bytes),
        threads=threads,
        shard_rows=SHARD_ROWS,
    )


def _streamed(views: Views, key: ViewKey) -> tuple[np.ndarray, np.ndarray]:
    shards = list(views.shards(key))
    assert [shard.start for shard in shards] == list(range(0, N_ROWS, SHARD_ROWS))
    images = np.concatenate([shard.images for shard in shards])
    return images, np.concatenate([shard.labels for shard in shards])


def _digest(images: np.ndarray, labels: np.ndarray) -> str:
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()


def _digest_of_all(folder: Path, threads: int) -> list[str]:
    views = _views(folder, threads=threads)
    keys = [views.key(policy, "medium", 2, "train") for policy in POLICIES]
    return [_digest(*_streamed(views, key)) for key in keys]


@pytest.mark.slow
def test_threads_processes_and_the_store_change_no_byte(tmp_path: Path) -> None:
    expected = _digest_of_all(tmp_path, threads=1)
    assert _digest_of_all(tmp_path, threads=5) == expected
    script = (
        "import json, sys, pathlib; from tests.objectives.views import test_views as t; "
        "print(json.dumps(t._digest_of_all(pathlib.Path(sys.argv[1]), 3)))"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(fresh.stdout) == expected
    views = _views(tmp_path)
    for policy, digest in zip(reversed(POLICIES), reversed(expected), strict=True):
        key = views.key(policy, "medium", 2, "train")
        view = views.stored(key)
        assert _digest(np.asarray(view.images), view.labels) == digest
        assert _digest(*_streamed(views, key)) == digest


@pytest.mark.parametrize("policy", POLICIES)
def test_noise_in_one_fold_changes_no_other(policy: str, tmp_path: Path) -> None:
    clean = _views(tmp_path)
    key = clean.key(policy, "high", 0, "train")
    images, labels = _streamed(clean, key)
    noisy_images = np.array(clean._base.data.images)
    hit = ROWS[POOLS == 1]
    noisy_images[hit] = np.random.default_rng(0).integers(0, 256, noisy_images[hit].shape)
    (tmp_path / "noisy").mkdir()
    noisy_data = _data(tmp_path / "noisy", noisy_images)
    noisy_data.labels[hit] = np.roll(noisy_data.labels[hit], 1)
    noisy = _views(tmp_path / "noisy", data=noisy_data)
    noisy_views_images, noisy_labels = _streamed(noisy, key)
    others = POOLS != 1
    np.testing.assert_array_equal(images[others], noisy_views_images[others])
    np.testing.assert_array_equal(labels[others], noisy_labels[others])
    assert np.any(images[~others] != noisy_views_images[~others])


@pytest.mark.parametrize("policy", ["cutmix", "mixup", "augmix+cutmix+mixup+flip"])
def test_partners_come_from_the_own_fold_and_from_the_whole_of_it(
    policy: str, tmp_path: Path
) -> None:
    views = _views(tmp_path)
    _, labels = _streamed(views, views.key(policy, "high", 0, "train"))
    position_of = {int(row): position for position, row in enumerate(ROWS)}
    crossed = 0
    for position in range(N_ROWS):
        contributors = [position_of[row] for row in np.flatnonzero(labels[position]).tolist()]
        assert {POOLS[other] for other in contributors} == {POOLS[position]}
        crossed += any(other // SHARD_ROWS != position // SHARD_ROWS for other in contributors)
    assert crossed > N_ROWS / 2
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)


def test_draws_differ_by_index_purpose_seed_and_strength_but_not_by_data(tmp_path: Path) -> None:
    views = _views(tmp_path)
    keys = [
        views.key("augmix", "medium", 0, "train"),
        views.key("augmix", "medium", 1, "train"),
        views.key("augmix", "medium", 0, "validate"),
        views.key("augmix", "medium", 0, "holdout"),
        views.key("augmix", "low", 0, "train"),
        _views(tmp_path, seed=1).key("augmix", "medium", 0, "train"),
    ]
    digests = {_digest(*_streamed(views, key)) for key in keys}
    assert len(digests) == len({key.digest for key in keys}) == len(keys)


def test_a_path_has_one_view_however_it_was_written(tmp_path: Path) -> None:
    views = _views(tmp_path)
    key = views.key("augmix+flip@high", "medium", 0, "train")
    assert key == views.key("augmix@0.3+flip@high", "low", 0, "train")
    assert key == views.key("augmix@medium+flip", "high", 0, "train")
    assert key != views.key("augmix+flip", "medium", 0, "train")
    assert key.policy == "augmix@medium+flip@high"
    with pytest.raises(InputError, match="has 2 paths"):
        views.key("none|augmix", "medium", 0, "train")


def test_the_folds_are_in_the_key_only_where_images_are_mixed(tmp_path: Path) -> None:
    views = _views(tmp_path)
    assert views.key("cutmix", "low", 0, "train").folds
    assert not views.key("augmix", "low", 0, "train").folds


def test_the_identity_has_one_key_and_is_not_stored(tmp_path: Path) -> None:
    views = _views(tmp_path)
    key = views.key("none", "low", 3, "train")
    assert (
        key
        == views.key("none", "high", 0, "validate")
        == _views(tmp_path, seed=9).key("none", "medium", 1, "holdout")
    )
    view = views.stored(key)
    base = np.load(tmp_path / "base.npy")
    assert len(view.images) == N_ROWS
    assert view.images.shape == (N_ROWS, IMAGE_PX, IMAGE_PX, 3)
    np.testing.assert_array_equal(view.images[[4, 0, 2]], base[ROWS[[4, 0, 2]]])
    np.testing.assert_array_equal(np.asarray(view.images), base[ROWS])
    np.testing.assert_array_equal(view.labels.argmax(axis=1), ROWS)
    assert views.counts == SharingCounts()


def test_a_view_is_made_once_and_counted(tmp_path: Path) -> None:
    first, second = _views(tmp_path), _views(tmp_path)
    key = first.key("randaugment", "medium", 0, "train")
    list(first.shards(key))
    first.stored(key)
    list(first.shards(key))
    second.stored(key)
    assert first.counts == SharingCounts(views_made=1, views_reused=1, views_streamed=1)
    assert second.counts == SharingCounts(views_reused=1)


@pytest.mark.parametrize("spare_share", [0.0, 0.25])
def test_a_full_store_gives_the_same_view_on_the_fly(
    spare_share: float,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("objectives.views.views._MEMORY_SHARE_OF_UNSTORED", spare_share)
    views = _views(tmp_path, max_bytes=1000)
    key = views.key("augmix+cutmix+mixup+flip", "medium", 0, "train")
    with caplog.at_level(logging.WARNING):
        view = views.stored(key)
    assert "made on the fly" in caplog.text
    images, labels = _streamed(views, key)
    np.testing.assert_array_equal(np.asarray(view.images), images)
    np.testing.assert_array_equal(view.images[np.array([44, 0, 9])], images[[44, 0, 9]])
    np.testing.assert_array_equal(view.images[5:20], images[5:20])
    np.testing.assert_array_equal(view.labels, labels)
    assert views.counts.views_streamed == 2
    assert views.counts.views_made == 0


def test_the_first_images_are_those_of_the_view(tmp_path: Path) -> None:
    views = _views(tmp_path)
    for policy in ("none", "mixup"):
        key = views.key(policy, "medium", 1, "train")
        images, _ = _streamed(views, key)
        np.testing.assert_array_equal(views.first_images(key, 11), images[:11])


class Watched(np.ndarray):
    """Remembers how many rows were read at once."""

    most_rows = 0

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        Watched.most_rows = max(Watched.most_rows, len(found))
        return np.asarray(found)


def test_base_images_are_never_read_as_a_whole(tmp_path: Path) -> None:
    data = _data(tmp_path)
    watched = LabelledImages(
        np.asarray(data.images).view(Watched), data.labels, data.class_names, (), "fingerprint"
    )
    views = _views(tmp_path, data=watched)
    for policy in ("none", "augmix", "augmix+cutmix+mixup+flip"):
        views.stored(views.key(policy, "medium", 0, "train"))
    assert 0 < Watched.most_rows <= SHARD_ROWS


def test_a_reader_that_stops_early_leaves_no_thread(tmp_path: Path) -> None:
    views = _views(tmp_path)
    shards = views.shards(views.key("augmix", "medium", 0, "train"))
    next(shards)
    shards.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("view")]


def test_unknown_policies_and_strengths_are_refused(tmp_path: Path) -> None:
    views = _views(tmp_path)
    with pytest.raises(InputError, match="unknown augmentation policy 'augmax'"):
        views.key("augmax", "medium", 0, "train")
    with pytest.raises(InputError, match="unknown strength 'huge'"):
        views.key("none", "huge", 0, "train")
