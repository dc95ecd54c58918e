"""A network that goes silent, where the kernel can be told to drop packets."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.disturbances.silent_proxy import SilentProxy

__all__ = ["SilentProxy", "silent_proxy"]


@contextmanager
def silent_proxy(target: str) -> Iterator[SilentProxy]:
    """Run a proxy; skips where the kernel is not Linux, whose packet filter it needs."""
    if sys.platform != "linux":
        pytest.skip("packets are dropped by Linux's socket filter")
    proxy = SilentProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
