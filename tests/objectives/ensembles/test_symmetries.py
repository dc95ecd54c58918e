import cv2
import numpy as np
import pytest

from objectives.ensembles.symmetries import TURNS, Turn, turned

IMAGE = np.random.default_rng(0).integers(0, 256, (7, 7, 3), dtype=np.uint8)


def _shown(turn: Turn) -> np.ndarray:
    return np.ascontiguousarray(turned(IMAGE[None], turn)[0])


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (Turn(), IMAGE),
        (Turn(horizontal=True), cv2.flip(IMAGE, 1)),
        (Turn(vertical=True), cv2.flip(IMAGE, 0)),
        (Turn(vertical=True, horizontal=True), cv2.rotate(IMAGE, cv2.ROTATE_180)),
        (Turn(transpose=True), cv2.transpose(IMAGE)),
        (Turn(transpose=True, horizontal=True), cv2.rotate(IMAGE, cv2.ROTATE_90_CLOCKWISE)),
        (Turn(transpose=True, vertical=True), cv2.rotate(IMAGE, cv2.ROTATE_90_COUNTERCLOCKWISE)),
    ],
)
def test_turns_are_those_of_opencv(turn: Turn, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(_shown(turn), expected)


@pytest.mark.parametrize(
    ("symmetry", "n_turns"), [("none", 1), ("mirror", 2), ("flips", 4), ("square", 8)]
)
def test_each_symmetry_has_different_turns_and_the_image_itself_first(
    symmetry: str, n_turns: int
) -> None:
    turns = TURNS[symmetry]  # type: ignore[index]
    assert turns[0] == Turn()
    assert len({_shown(turn).tobytes() for turn in turns}) == n_turns


@pytest.mark.parametrize("symmetry", ["mirror", "flips", "square"])
def test_a_turned_image_is_shown_in_the_same_ways(symmetry: str) -> None:
    turns = TURNS[symmetry]  # type: ignore[index]
    ways = {_shown(turn).tobytes() for turn in turns}
    for first in turns:
        again = turned(IMAGE[None], first)
        assert {np.ascontiguousarray(turned(again, turn)[0]).tobytes() for turn in turns} == ways
