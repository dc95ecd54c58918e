from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from examples.digits import main


def test_the_digits_become_rgb_images_and_one_a_class_stays_out(tmp_path: Path) -> None:
    main(tmp_path)
    data = np.load(tmp_path / "digits.npz")
    n_images = len(load_digits().images) - 10
    assert data["images"].shape == (n_images, 32, 32, 3)
    assert data["images"].dtype == np.uint8
    assert (data["images"][..., 0] == data["images"][..., 2]).all()
    assert data["class_names"].tolist() == [str(digit) for digit in range(10)]
    known = {image.tobytes() for image in data["images"]}
    unseen = sorted(tmp_path.glob("unseen-*.png"))
    assert [file.stem for file in unseen] == [f"unseen-{digit}" for digit in range(10)]
    assert not any(np.asarray(Image.open(file)).tobytes() in known for file in unseen)


def test_an_enlarged_digit_keeps_its_brightness_and_range(tmp_path: Path) -> None:
    main(tmp_path)
    images = np.load(tmp_path / "digits.npz")["images"]
    digits = load_digits().images
    assert images.min() == 0
    assert images.max() == 255
    assert abs(images.mean() / 255 - digits.mean() / 16) < 0.02
