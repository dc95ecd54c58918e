"""Pictures of what a trial was wrong about."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objectives.evaluation.mistakes import worst_mistakes
from objectives.evaluation.pictures import CAPTION_PX, TILE_PX
from objectives.explanation import explain_mistakes
from objectives.explanation.mistakes import N_SHOWN
from objectives.explanation.seen_picture import COLUMNS, GAP_PX, SeenImage, draw_seen
from objectives.fold_heads import NAME as HEADS_FILE
from objectives.trial import train_trial
from tests.objectives.small_trials import small_context, small_params


def test_the_surest_mistakes_come_first_and_right_answers_never() -> None:
    labels = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.2, 0.8], [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]], np.float32)
    assert worst_mistakes(labels, probabilities).tolist() == [1, 0, 3]


def test_heat_changes_the_places_that_are_hot_and_no_others(tmp_path: Path) -> None:
    image = np.full((20, 20, 3), 90, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 1.0
    path = draw_seen([SeenImage(image, heat, "cat", "dog", 0.9)], tmp_path / "seen.jpg")
    sheet = np.asarray(Image.open(path)).astype(int)
    assert sheet.shape == (TILE_PX + CAPTION_PX, COLUMNS * (2 * TILE_PX + GAP_PX), 3)
    plain, heated = sheet[:TILE_PX, :TILE_PX], sheet[:TILE_PX, TILE_PX : 2 * TILE_PX]
    assert heated[2:8, 2:8, 0].mean() > plain[2:8, 2:8, 0].mean() + 60
    cold = slice(TILE_PX // 2 + 10, TILE_PX - 8)
    np.testing.assert_allclose(heated[cold, cold], plain[cold, cold], atol=6)


@pytest.mark.slow
def test_a_trial_of_heads_is_explained_clean_and_under_the_shift(tmp_path: Path) -> None:
    context = small_context(tmp_path)
    # Heads that hardly learn are wrong often enough.
    params = small_params(learning_rate=1e-7)
    result = train_trial(params, context)
    drawn = explain_mistakes(params, context, result)
    assert [path.name for path in drawn] == ["seen_clean.jpg", "seen_shifted.jpg"]
    for path in drawn:
        with Image.open(path) as picture:
            assert picture.height == (TILE_PX + CAPTION_PX) * -(-N_SHOWN // COLUMNS)
    (context.checkpoint_folder / HEADS_FILE).unlink()
    assert explain_mistakes(params, context, result) == ()


@pytest.mark.slow
def test_a_shifted_view_that_is_not_kept_is_not_made_again_for_a_picture(tmp_path: Path) -> None:
    context = replace(small_context(tmp_path), keep_views=False)
    params = small_params(learning_rate=1e-7)
    result = train_trial(params, context)
    drawn = explain_mistakes(params, context, result)
    assert [path.name for path in drawn] == ["seen_clean.jpg"]


@pytest.mark.slow
def test_a_backbone_that_ends_in_vectors_has_no_places_to_show(tmp_path: Path) -> None:
    context = small_context(tmp_path)
    params = small_params(
        backbone="tests.objectives.vector_functions:block_means", learning_rate=1e-7, weights="own"
    )
    result = train_trial(params, context)
    assert explain_mistakes(params, context, result) == ()
