"""Registered versions that try to run code when they are loaded, each by another way.

Each attack writes the file ``canary`` if it is run.
"""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf

from mlruns_config.client import ensure_experiment
from mlruns_config.registry.keras_file import CONFIG, WEIGHTS
from mlruns_config.registry.promotion_run import PromotionRun
from mlruns_config.registry.registry import register, registry
from mlruns_config.registry.saved_classifier import KERAS_FILE
from mlruns_config.registry.stored_files import folder_digests
from mlruns_config.registry.versions import LoggedClassifier, Version
from mlruns_config.settings import TrackingSettings

CLASSES = ("red", "green", "blue")
Attack = Callable[[Path, Path], None]
"""Fills the folder of a model (first) such that loading it writes the canary (second)."""


def plain_model(*layers: keras.layers.Layer) -> keras.Model:
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 25)(images))
    for layer in layers:
        x = layer(x)
    return keras.Model(images, keras.layers.Dense(len(CLASSES), activation="softmax")(x))


def save(folder: Path, model: keras.Model) -> Path:
    path = folder / KERAS_FILE
    path.parent.mkdir(exist_ok=True)
    model.save(path)
    return path


def rewritten(path: Path, member: str, change: Callable[[bytes], bytes]) -> None:
    """Change one member of a Keras file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members.get(member, b""))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def genuine(folder: Path, canary: Path) -> None:
    """No attack."""
    save(folder, plain_model())


def pyfunc_loader(folder: Path, canary: Path) -> None:
    """A flavour whose loader is a module in the folder."""
    (folder / "code").mkdir()
    (folder / "code" / "evil_loader.py").write_text(f"open({str(canary)!r}, 'w').close()")
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: evil_loader\n    code: code\n"
        f"metadata:\n  class_names: {json.dumps(CLASSES)}\n"
    )


class _Writer(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
    """A resource whose initialiser TensorFlow runs when it loads the model."""

    def __init__(self, canary: Path) -> None:
        super().__init__()
        self._canary = str(canary)
        self._resource_handle = self._create_resource()

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="writer")

    def _initialize(self) -> None:
        tf.io.write_file(self._canary, "run")


def saved_model(folder: Path, canary: Path) -> None:
    """Keras' flavour with ``save_exported_model``: TensorFlow's own format, which runs code."""
    (folder / "data").mkdir()
    module = tf.Module()
    module.writer = _Writer(canary)
    signature = [tf.TensorSpec([None, None, None, 3], tf.uint8)]
    module.serve = tf.function(lambda images: images, input_signature=signature)
    tf.saved_model.save(module, str(folder / "data" / "model"))
    (folder / "MLmodel").write_text(
        "flavors:\n  keras:\n    data: data\n    keras_backend: tensorflow\n"
        "    keras_version: 3.0.0\n    save_exported_model: true\n"
        f"metadata:\n  class_names: {json.dumps(CLASSES)}\n"
    )


def lambda_layer(folder: Path, canary: Path) -> None:
    """A pickled function inside of the Keras file."""
    target = str(canary)

    def write(x: tf.Tensor) -> tf.Tensor:
        Path(target).touch()
        return x

    save(folder, plain_model(keras.layers.Lambda(write)))


def foreign_module(folder: Path, canary: Path) -> None:
    """A layer of a package that writes the canary when it is imported."""
    (canary.parent / "evil_package.py").write_text(f"open({str(canary)!r}, 'w').close()")
    path = save(folder, plain_model())

    def change(content: bytes) -> bytes:
        config = json.loads(content)
        layer = config["config"]["layers"][-1]
        layer.update(module="evil_package", class_name="Evil", registered_name="evil>Evil")
        return json.dumps(config).encode()

    rewritten(path, CONFIG, change)


def external_link(folder: Path, canary: Path) -> None:
    """Weights that lie in another file of the machine."""
    with h5py.File(canary.parent / "secret.h5", "w") as secret:
        secret["vars"] = np.zeros(3)
    path = save(folder, plain_model())

    def change(content: bytes) -> bytes:
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "r+") as file:
            file["stolen"] = h5py.ExternalLink(str(canary.parent / "secret.h5"), "/vars")
        return buffer.getvalue()

    rewritten(path, WEIGHTS, change)


def extra_member(folder: Path, canary: Path) -> None:
    """A Keras file with an asset."""
    rewritten(save(folder, plain_model()), "assets/evil.txt", lambda _: b"x")


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        pyfunc_loader,
        saved_model,
        lambda_layer,
        foreign_module,
        external_link,
        extra_member,
    )
}


def register_attack(
    tracking: TrackingSettings, name: str, attack: Attack, folder: Path, canary: Path
) -> Version:
    """Register what an attack made, with all tags that a promotion writes."""
    folder.mkdir()
    attack(folder, canary)
    experiment_id = ensure_experiment(tracking, "hostile", {})
    run = PromotionRun.start(tracking, experiment_id, name, {})
    with registry(tracking) as client:
        made = client.create_logged_model(experiment_id, "classifier", run.run_id)
        client.log_model_artifacts(made.model_id, str(folder))
        client.finalize_logged_model(made.model_id, "READY")
    digests = {KERAS_FILE: "0" * 64, **folder_digests(folder)}
    return register(
        tracking, name, LoggedClassifier(made.model_id, run.run_id, CLASSES, digests), {}
    )


def retagged(tracking: TrackingSettings, version: Version, name: str, source: str) -> Version:
    """Register another version with the tags of one, whose files lie where ``source`` says."""
    with registry(tracking) as client:
        client.create_registered_model(name)
        made = client.create_model_version(name, source, version.run_id, dict(version.tags))
    return Version(name, int(made.version), version.run_id, version.tags, source)
