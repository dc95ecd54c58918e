"""Load a Keras file as data: whatever lies in it, none of it is run.

Keras' safe mode refuses pickled functions, but still lets a file name classes of other packages and
read other files through links. So the file is looked through before Keras sees it.
"""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.errors import InputError
from spaces.files import disk_full_is_unavailable

if TYPE_CHECKING:
    import h5py
    import keras

WEIGHTS = "model.weights.h5"
CONFIG = "config.json"
MEMBERS = ("metadata.json", CONFIG, WEIGHTS)
MAX_BYTES = 8 * 2**30
MAX_CONFIG_BYTES = 64 * 2**20
# Each of them runs what it holds, or what lies beside the file.
_RUN_CODE = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_LOADING_ERRORS = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, OSError)


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file, hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def load_keras_file(path: Path, digest: str, what: str) -> "keras.Model":
    """Load a Keras file if it is the one of that digest and holds nothing that could run.

    Args:
        path: A ``.keras`` file that nobody else writes to.
        digest: The SHA-256 that it must have.
        what: What to call it in an error.

    Raises:
        InputError: If it is another file, or one that is not plain Keras.
    """
    _refuse_unless(path.stat().st_size <= MAX_BYTES, what, f"it is larger than {MAX_BYTES} bytes")
    found = file_digest(path)
    _refuse_unless(
        found == digest,
        what,
        f"its digest is {found[:12]}..., and {digest[:12]}... was recorded at its promotion",
    )
    _check_archive(path, what)
    import keras

    try:
        return keras.saving.load_model(str(path), compile=False, safe_mode=True)
    except _LOADING_ERRORS as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0][:300]
        raise InputError(f"{what} is not loaded: Keras refuses it in safe mode: {reason}") from None


def _check_archive(path: Path, what: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, what)
            _check_config(json.loads(archive.read(CONFIG)), what)
            with tempfile.TemporaryDirectory() as scratch:
                with disk_full_is_unavailable(f"the weights of {what} are unpacked"):
                    weights = Path(archive.extract(WEIGHTS, scratch))
                _check_weights(weights, what)
    except (zipfile.BadZipFile, ValueError, RecursionError, OSError) as error:
        raise InputError(f"{what} is not loaded: its Keras file is damaged: {error}") from None


def _check_members(archive: zipfile.ZipFile, what: str) -> None:
    """Refuse other members than Keras writes, and those that grow when they are unpacked."""
    members = archive.infolist()
    names = sorted(member.filename for member in members)
    _refuse_unless(
        names == sorted(MEMBERS), what, f"its Keras file has the members {', '.join(names)[:300]}"
    )
    compressed = [m.filename for m in members if m.compress_type != zipfile.ZIP_STORED]
    _refuse_unless(not compressed, what, "its Keras file is compressed, which Keras does not do")
    config_bytes = archive.getinfo(CONFIG).file_size
    _refuse_unless(config_bytes <= MAX_CONFIG_BYTES, what, "its configuration is too large")


def _check_config(config: Any, what: str) -> None:
    """Refuse a model that is made of anything but what Keras itself has."""
    for part in _parts(config):
        name, module = part.get("class_name"), part.get("module")
        registered = part.get("registered_name")
        _refuse_unless(
            name not in _RUN_CODE, what, f"it has a {name} layer, which runs code of its own"
        )
        _refuse_unless(
            _is_of_keras(module) and registered in (None, name),
            what,
            f"it is made of {registered or name} of the module {module}, which is not Keras' own",
        )


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every description of an object in a configuration, at any depth."""
    if isinstance(config, dict):
        if "class_name" in config or "module" in config:
            yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list):
        for value in config:
            yield from _parts(value)


def _is_of_keras(module: Any) -> bool:
    return module in (None, "builtins", "keras") or str(module).startswith("keras.")


def _check_weights(path: Path, what: str) -> None:
    import h5py

    with h5py.File(path, "r") as file:
        declared_bytes = sum(_dataset_bytes(file, what, set()))
    _refuse_unless(
        declared_bytes <= path.stat().st_size, what, "its weights are more than the file holds"
    )


def _dataset_bytes(group: "h5py.Group", what: str, seen: set[int]) -> Iterator[int]:
    """Yield the size of each array; refuse those that lie outside of the file."""
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        _refuse_unless(
            isinstance(link, h5py.HardLink), what, f"its weights {name!r} are a link elsewhere"
        )
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if isinstance(item, h5py.Group):
            yield from _dataset_bytes(item, what, seen)
        else:
            is_plain = (
                isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual
            ) and item.dtype.kind != "O"
            _refuse_unless(is_plain, what, f"its weights {name!r} are not plain numbers")
            yield item.nbytes


def _refuse_unless(holds: bool, what: str, reason: str) -> None:
    if not holds:
        raise InputError(
            f"{what} is not loaded: {reason}. Load only what foldsweep promoted; if this was, "
            "promote its trial again."
        )
