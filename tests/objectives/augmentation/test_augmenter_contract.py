"""What every augmenter owes its callers, run on each of them."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from objectives.augmentation import Augmenter, augmenter
from objectives.augmentation.augmenter import AUGMENTERS
from objectives.records import FloatArray, ImageArray
from spaces.errors import InputError
from spaces.operations import CutMix, OwnFunction
from spaces.policies import parse_path
from tests.objectives.augmentation.real_pictures import crops

ROOT = Path(__file__).parents[3]
POLICIES = ["flip", "geometric", "randaugment", "augmix", "cutmix", "mixup", "augmix+cutmix"]
COUNT, IMAGE_PX, N_CLASSES = 24, 32, 24
POOLS = np.arange(COUNT) % 3
Batch = tuple[ImageArray, FloatArray]


def _images() -> ImageArray:
    return crops(COUNT, IMAGE_PX)


def _augment(name: str, policy: str, seed: int, images: ImageArray | None = None) -> Batch:
    labels = np.eye(COUNT, dtype=np.float32)
    operations = parse_path(policy).operations("medium")
    pictures = _images() if images is None else images
    return augmenter(name).augment(pictures, labels, operations, pools=POOLS, seed=seed)


def _digest(batch: Batch) -> str:
    return hashlib.sha256(batch[0].tobytes() + batch[1].tobytes()).hexdigest()


@pytest.fixture(params=AUGMENTERS)
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_order_and_threads_change_no_byte(library: str, policy: str) -> None:
    seeds = [5, 6]
    forward = [_digest(_augment(library, policy, seed)) for seed in seeds]
    with ThreadPoolExecutor(2) as executor:
        backward = executor.map(
            lambda seed: _digest(_augment(library, policy, seed)), reversed(seeds)
        )
        assert list(backward) == forward[::-1]
    assert len(set(forward)) == 2


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_bytes() -> None:
    script = (
        "import json; from tests.objectives.augmentation import test_augmenter_contract as t; "
        "print(json.dumps([t._digest(t._augment(a, p, 9)) for a in t.AUGMENTERS for p in "
        "reversed(t.POLICIES)]))"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    digests = [_digest(_augment(a, p, 9)) for a in AUGMENTERS for p in reversed(POLICIES)]
    assert json.loads(fresh.stdout.splitlines()[-1]) == digests


@pytest.mark.parametrize("policy", POLICIES)
def test_noise_in_one_pool_changes_no_other(library: str, policy: str) -> None:
    noisy = _images()
    in_pool = POOLS == 1
    noisy[in_pool] = np.random.default_rng(1).integers(0, 256, noisy[in_pool].shape)
    images, labels = _augment(library, policy, 3)
    images_beside_noise, labels_beside_noise = _augment(library, policy, 3, noisy)
    np.testing.assert_array_equal(images[~in_pool], images_beside_noise[~in_pool])
    np.testing.assert_array_equal(labels, labels_beside_noise)
    assert np.any(images[in_pool] != images_beside_noise[in_pool])


@pytest.mark.parametrize("policy", ["cutmix", "mixup", "augmix+cutmix"])
def test_labels_name_own_pool_and_sum_to_one(library: str, policy: str) -> None:
    _, labels = _augment(library, policy, 4)
    np.testing.assert_allclose(labels.sum(axis=1), 1.0, atol=1e-6)
    for row in range(COUNT):
        contributors = np.flatnonzero(labels[row])
        assert set(POOLS[contributors]) == {POOLS[row]}
    assert np.mean((labels > 0).sum(axis=1) == 2) > 0.5


@pytest.mark.parametrize("policy", ["cutmix", "mixup"])
def test_a_picture_alone_in_its_pool_stays_as_it_is(library: str, policy: str) -> None:
    images, labels = _images()[:3], np.eye(3, dtype=np.float32)
    operations = parse_path(policy).operations("high")
    mixed, mixed_labels = augmenter(library).augment(
        images, labels, operations, pools=np.array([4, 4, 9]), seed=0
    )
    np.testing.assert_array_equal(mixed[2], images[2])
    np.testing.assert_array_equal(mixed_labels[2], labels[2])
    assert mixed_labels[0, 1] > 0
    assert mixed_labels[1, 0] > 0


@pytest.mark.parametrize("policy", POLICIES)
def test_inputs_stay_and_shapes_and_types_hold(library: str, policy: str) -> None:
    before = _images()
    given = before.copy()
    given.flags.writeable = False
    images, labels = _augment(library, policy, 1, given)
    np.testing.assert_array_equal(given, before)
    assert images.shape == before.shape
    assert images.dtype == np.dtype(np.uint8)
    assert labels.shape == (COUNT, N_CLASSES)
    assert labels.dtype == np.dtype(np.float32)
    assert not np.shares_memory(images, given)


def test_no_operation_gives_the_pictures_back(library: str) -> None:
    images, labels = _augment(library, "none", 1)
    np.testing.assert_array_equal(images, _images())
    np.testing.assert_array_equal(labels, np.eye(COUNT, dtype=np.float32))


def test_an_own_function_draws_by_picture_and_by_seed(library: str) -> None:
    def noise(image: ImageArray, strength: str, draws: np.random.Generator) -> ImageArray:
        return draws.integers(0, 256, image.shape).astype(np.uint8)

    own = OwnFunction("lab:noise", "digest", noise, "medium")
    made = [_with(library, own, seed)[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(made[0], made[1])
    assert np.any(made[0] != made[2])
    assert np.any(made[0][0] != made[0][1])


def test_an_own_function_that_changes_the_shape_is_named(library: str) -> None:
    cropping = OwnFunction("lab:crop", "digest", lambda image, *_: image[1:], "medium")
    with pytest.raises(InputError, match="'lab:crop' gave back uint8"):
        _with(library, cropping, 0)


def _with(library: str, operation: OwnFunction, seed: int) -> Batch:
    labels = np.eye(COUNT, dtype=np.float32)
    return augmenter(library).augment(_images(), labels, [operation], pools=POOLS, seed=seed)


def _any(library: str) -> tuple[Augmenter, ImageArray, FloatArray]:
    return augmenter(library), _images(), np.eye(COUNT, dtype=np.float32)


def test_wrong_arrays_are_refused(library: str) -> None:
    made, images, labels = _any(library)
    wrong = [
        ((images.astype(np.float32), labels, POOLS, 0), "images must be uint8"),
        ((images[..., :1], labels, POOLS, 0), "images must be uint8"),
        ((images, labels[:3], POOLS, 0), "labels must be float32"),
        ((images, labels.astype(int), POOLS, 0), "labels must be float32"),
        ((images, labels, POOLS[:5], 0), "pools must have shape"),
        ((images, labels, POOLS, -1), "seed must be at least 0"),
        ((images, labels, POOLS, 2**64), "seed must be at least 0"),
    ]
    for (pictures, classes, pools, seed), message in wrong:
        with pytest.raises(InputError, match=message):
            made.augment(pictures, classes, [CutMix(1.0)], pools=pools, seed=seed)  # type: ignore[arg-type]


def test_an_operation_that_the_library_has_not_is_refused(library: str) -> None:
    made, images, labels = _any(library)
    with pytest.raises(InputError, match=f"{library} augmenter has no operation"):
        made.augment(images, labels, ["flip"], pools=POOLS, seed=0)  # type: ignore[list-item]


def test_an_unknown_augmenter_is_refused() -> None:
    with pytest.raises(InputError, match="unknown augmenter 'pil'; known: keras_cv, opencv"):
        augmenter("pil")
