"""Backbones of the user's that are no Keras networks: what they give, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from objectives.networks.backbone_checks import check_backbones, check_embeddings
from objectives.networks.backbones import build_backbone
from objectives.networks.extractors import FunctionExtractor, make_extractor
from objectives.networks.own_backbones import is_network, open_embeddings
from objectives.settings import TrainSettings, ValidationSettings
from spaces.errors import InputError
from spaces.narrowing import resolve_space
from spaces.params import TrialParams
from spaces.space import Space
from tests.objectives.vector_functions import WIDTH, block_means

PX = 32
OF = "tests.objectives.vector_functions"
KERAS = "tests.objectives.tiny_backbone:tiny_backbone"
UNSHIFTED = ValidationSettings(shift="none", score="clean")


def _images(n_images: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n_images, PX, PX, 3), dtype=np.uint8)


def _space(backbone: object, **changes: object) -> Space:
    return resolve_space({"base": "small", "backbone": backbone, "policy": "none", **changes})


def _check(
    space: Space, *, head_epochs: int = 2, validation: ValidationSettings = UNSHIFTED
) -> None:
    check_backbones(space, PX, train=TrainSettings(head_epochs=head_epochs), validation=validation)


def _save(path: Path, array: np.ndarray) -> str:
    np.save(path, array)
    return str(path)


def test_features_of_a_function_are_its_vectors() -> None:
    extractor = make_extractor(f"{OF}:block_means", "own", PX, "deep", None)
    assert isinstance(extractor, FunctionExtractor)
    images = _images(150)
    assert extractor.width == WIDTH
    wanted = np.asarray(block_means(PX)(images))
    np.testing.assert_allclose(extractor.extract(images), wanted, rtol=1e-3)


def test_functions_that_answer_differently_have_other_features() -> None:
    key = dict(make_extractor(f"{OF}:block_means", "own", PX, "deep", None).key)
    again = dict(make_extractor(f"{OF}:block_means", "own", PX, "deep", None).key)
    other = dict(make_extractor(f"{OF}:block_means", "own", PX // 2, "deep", None).key)
    assert key == again
    assert key["weights"] != other["weights"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("maps", r"shape \(2, 32, 32, 3\) for 2 images; wanted is \(2, width\)"),
        ("fewer", r"shape \(1, 4\) for 2 images"),
        ("infinite", "not finite"),
        ("number", "returned a int; wanted is a keras.Model, or a function"),
        ("nothing", "no attribute 'nothing'"),
    ],
)
def test_a_function_that_gives_no_vectors_is_refused_at_launch(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _check(_space(f"{OF}:{name}"))


def test_keras_networks_functions_and_embeddings_are_told_apart(tmp_path: Path) -> None:
    vectors = _save(tmp_path / "vectors.npy", np.zeros((3, 2), np.float32))
    known = [is_network(name, PX) for name in ("resnet50", KERAS, f"{OF}:block_means", vectors)]
    assert known == [True, True, False, False]


def test_backbones_of_ones_own_come_with_their_weights() -> None:
    for name in (KERAS, f"{OF}:block_means", "vectors.npy"):
        params = TrialParams(backbone=name)
        assert (params.weights, params.features) == ("own", "deep")
    _check(_space([KERAS, f"{OF}:block_means", "small_cnn"]))


@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_a_function_is_not_trained(weights: str) -> None:
    with pytest.raises(InputError, match="heads alone are trained: write weights: own"):
        _check(_space(f"{OF}:block_means", weights=weights))
    with pytest.raises(InputError, match=r"train\.head_epochs = 0 trains none"):
        _check(_space(f"{OF}:block_means"), head_epochs=0)
    with pytest.raises(InputError, match="neither fine-tuned nor exported"):
        build_backbone(f"{OF}:block_means", weights, PX)


def test_embeddings_serve_images_as_they_are_alone(tmp_path: Path) -> None:
    name = _save(tmp_path / "vectors.npy", np.zeros((3, 2), np.float32))
    _check(_space(name))
    with pytest.raises(InputError, match=r"validation\.shift augmix\+randaugment asks for augm"):
        _check(_space(name), validation=ValidationSettings())
    with pytest.raises(InputError, match="policy flip asks for augmented ones"):
        _check(_space(name, policy=["none", "flip"]))


def test_embeddings_have_a_row_for_each_image(tmp_path: Path) -> None:
    name = _save(tmp_path / "vectors.npy", np.zeros((3, 2), np.float32))
    check_embeddings(_space(name), 3)
    with pytest.raises(InputError, match="has 3 rows, the data 4 images"):
        check_embeddings(_space(name), 4)
    broken = _save(tmp_path / "broken.npy", np.array([[1.0], [np.nan]]))
    with pytest.raises(InputError, match="not finite"):
        check_embeddings(_space(broken), 2)


def test_files_that_are_no_embeddings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_embeddings(str(tmp_path / "missing.npy"))
    (tmp_path / "text.npy").write_text("1,2,3")
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("text.npy", "empty.npy"):
        with pytest.raises(InputError, match=r"cannot be read as a \.npy file"):
            open_embeddings(str(tmp_path / name))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"cannot be read as a \.npy file"):
        open_embeddings(str(tmp_path / "objects.npy"))
    for array in (np.zeros(3), np.zeros((3, 2), int), np.zeros((3, 0)), np.zeros((3, 2, 2))):
        with pytest.raises(InputError, match=r"wanted are floating point numbers"):
            open_embeddings(_save(tmp_path / "wrong.npy", array))
