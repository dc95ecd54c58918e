"""Build the blood-cell data set of the README from the public PBC images.

The images: Acevedo, Merino, Alferez, Molina, Boldu, Rodellar (2020), "A dataset of microscopic
peripheral blood cell images for development of automatic recognition systems", Data in Brief 30,
105474; Mendeley Data, data set snkd93bnjr version 1, doi:10.17632/snkd93bnjr.1, CC BY 4.0.

How to get them: open the data set's page by its DOI, download ``PBC_dataset_normal_DIB.zip``
(about 270 MB, 17,092 JPEGs of 360x363 pixels) and unpack it. It holds one folder for each of
eight classes: basophil, eosinophil, erythroblast, ig, lymphocyte, monocyte, neutrophil, platelet.

Each image is cropped to the 200x200 pixels at its centre, where the cell is, and resized to
96x96 with antialiasing.

Usage: python examples/build_pbc.py PBC_dataset_normal_DIB training_set.npz --per-class 400
"""

from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

CROP_PX = 200
IMAGE_PX = 96
SUFFIXES = {".jpg", ".jpeg"}


def list_images(folder: Path) -> dict[str, list[Path]]:
    """Find the JPEGs of each class folder, sorted, by the folder's name.

    Raises:
        click.ClickException: If there are not at least two class folders with JPEGs.
    """
    found = {
        child.name: sorted(file for file in child.iterdir() if file.suffix.lower() in SUFFIXES)
        for child in sorted(folder.iterdir())
        if child.is_dir()
    }
    classes = {name: files for name, files in found.items() if files}
    if len(classes) < 2:
        raise click.ClickException(
            f"{folder} has {len(classes)} folders with JPEGs; give the unpacked folder that holds "
            "one folder per class (basophil, eosinophil, ...)."
        )
    return classes


def draw(
    classes: dict[str, list[Path]], per_class: int | None, seed: int
) -> list[tuple[Path, int]]:
    """Choose at most ``per_class`` images of each class (None takes all), and shuffle them."""
    generator = np.random.default_rng(seed)
    chosen: list[tuple[Path, int]] = []
    for label, files in enumerate(classes.values()):
        order = generator.permutation(len(files))[:per_class]
        chosen += [(files[row], label) for row in order]
    return [chosen[row] for row in generator.permutation(len(chosen))]


def read_cell(path: Path) -> npt.NDArray[np.uint8]:
    """Read the middle of an image, shape ``(96, 96, 3)``.

    Raises:
        click.ClickException: If the file is no image, or smaller than the crop.
    """
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise click.ClickException(f"{path} cannot be read as an image: {error}") from error
    if min(rgb.size) < CROP_PX:
        size = "x".join(map(str, rgb.size))
        raise click.ClickException(f"{path} is {size} pixels; the crop needs {CROP_PX}x{CROP_PX}.")
    left, top = ((side - CROP_PX) // 2 for side in rgb.size)
    crop = rgb.crop((left, top, left + CROP_PX, top + CROP_PX))
    # Pillow's resize widens its filter when it shrinks: that is the antialiasing.
    return np.asarray(crop.resize((IMAGE_PX, IMAGE_PX), Image.Resampling.BICUBIC))


@click.command
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--per-class", type=click.IntRange(min=1), help="Images a class; all if left out.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which images are chosen.")
def main(folder: Path, target: Path, per_class: int | None, seed: int) -> None:
    """Turn the class folders in FOLDER into TARGET, an .npz of images, labels and class_names."""
    if target.suffix != ".npz":
        raise click.ClickException(f"{target} does not end in .npz")
    classes = list_images(folder)
    chosen = draw(classes, per_class=per_class, seed=seed)
    images = np.empty((len(chosen), IMAGE_PX, IMAGE_PX, 3), np.uint8)
    with click.progressbar(chosen, label="Reading") as progress:
        for row, (path, _) in enumerate(progress):
            images[row] = read_cell(path)
    labels = np.array([label for _, label in chosen], np.uint8)
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(target, images=images, labels=labels, class_names=np.array(list(classes)))
    click.echo(f"{len(chosen)} images of {len(classes)} classes in {target}")


if __name__ == "__main__":
    main()
