"""The whole suite runs on one thread, offline: whatever reaches for a network fails its test."""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1",
                  TRANSFORMERS_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")  # read when the libraries are imported

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import pytest


class NetworkReached(OSError):
    """A test opened a connection that leaves this machine."""


def is_local(host: object) -> bool:
    """Whether ``host`` (a name, an address, or nothing) is this machine."""
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name in ("localhost", "testserver", socket.gethostname()):
        return True
    try:
        return ip_address(name.split("%")[0]).is_loopback or ip_address(name.split("%")[0]).is_unspecified
    except ValueError:
        return False


@contextmanager
def guarded() -> Iterator[None]:
    """Refuse every connection and every name that is not this machine's; a hidden refusal is told at the end."""
    reached: list[str] = []

    def refuse(host: object) -> None:
        if not is_local(host):
            reached.append(str(host))
            raise NetworkReached(f"a test reached for {host}")

    def watched(real: Any) -> Any:
        def call(self: socket.socket, address: Any, *rest: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                refuse(address[0])
            return real(self, address, *rest)
        return call

    real_lookup = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **options: Any) -> Any:
        refuse(host)
        return real_lookup(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, watched(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", lookup)
        yield
    assert not reached, f"this test reached for the network: {reached}"


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """A test that reaches for a network fails."""
    with guarded():
        yield
