"""Features standardised by fold, against scikit-learn."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from objectives.training import standardising
from objectives.training.standardising import standardise_by_fold

N_ROWS, WIDTH, N_FOLDS = 200, 7, 4


def _views() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    centre, spread = generator.normal(size=WIDTH) * 5, generator.uniform(0.5, 3, WIDTH)
    views = generator.normal(size=(2, N_ROWS, WIDTH)) * spread + centre
    return views[0], views[1], generator.permutation(np.arange(N_ROWS) % N_FOLDS)


def test_each_fold_is_standardised_by_its_own_training_rows() -> None:
    clean, first, fold_of = _views()
    scale, offset = standardise_by_fold([clean, first], fold_of, n_folds=N_FOLDS)
    for fold in range(N_FOLDS):
        mine = fold_of != fold
        scaler = StandardScaler().fit(np.concatenate([clean[mine], first[mine]]))
        wanted = scaler.transform(clean)
        np.testing.assert_allclose(clean * scale[fold] + offset[fold], wanted, atol=1e-4)


def test_a_fold_has_no_influence_on_its_own_numbers() -> None:
    clean, first, fold_of = _views()
    before = standardise_by_fold([clean, first], fold_of, n_folds=N_FOLDS)
    clean[fold_of == 2] *= 1e3
    after = standardise_by_fold([clean, first], fold_of, n_folds=N_FOLDS)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[2], other[2])
        assert not np.array_equal(one[0], other[0])


def test_a_refit_is_standardised_by_all_rows() -> None:
    clean, _, _ = _views()
    scale, offset = standardise_by_fold([clean], np.full(N_ROWS, -1), n_folds=1)
    wanted = StandardScaler().fit_transform(clean)
    np.testing.assert_allclose(clean * scale[0] + offset[0], wanted, atol=1e-4)


def test_what_hardly_varies_is_dropped() -> None:
    clean, _, fold_of = _views()
    clean[:, 0] = 3.0
    clean[:, 1] = 100.0 + np.where(np.arange(N_ROWS) % 2, 0.03, -0.03)
    scale, offset = standardise_by_fold([clean], fold_of, n_folds=N_FOLDS)
    assert np.all(scale[:, :2] == 0)
    assert np.all(offset[:, :2] == 0)
    assert np.all(scale[:, 2:] > 0)


def test_blocks_change_nothing_that_matters() -> None:
    clean, first, fold_of = _views()
    whole = standardise_by_fold([clean, first], fold_of, n_folds=N_FOLDS)
    before, standardising.BLOCK_ROWS = standardising.BLOCK_ROWS, 16
    try:
        parts = standardise_by_fold([clean, first], fold_of, n_folds=N_FOLDS)
    finally:
        standardising.BLOCK_ROWS = before
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
