"""Keeps TensorFlow's start-up log off the terminal, whenever it is imported."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

LEVEL_VARIABLE = "TF_CPP_MIN_LOG_LEVEL"
SILENT = "3"
_NOISE = re.compile(rb"^(WARNING: All log messages before absl::|[IW]0000 )")


def quiet_tensorflow() -> None:
    """Silence TensorFlow's C++ log, unless the person has set another level.

    The level alone does not do it: since 2.18 some lines are logged before it is read. A worker
    finds the level that its launcher has set.
    """
    if os.environ.setdefault(LEVEL_VARIABLE, SILENT) == SILENT:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds tensorflow as Python would, and wraps what loads it."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads as another loader does, without the noise."""

    def __init__(self, inner: Loader) -> None:
        self._inner = inner

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # What was wrapped stands in the module again, for those who look files up by it.
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._inner
        with without_noise():
            self._inner.exec_module(module)


@contextmanager
def without_noise() -> Iterator[None]:
    """Hold back file descriptor 2 in this block, then pass on what is no start-up log."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            aside.seek(0)
            for line in aside:
                if not _NOISE.match(line):
                    os.write(2, line)
