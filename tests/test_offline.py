"""The guard of the suite itself."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import pytest
import torch

from tests.conftest import guarded, is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", b"127.0.0.1", None, "0.0.0.0"])
def test_this_machine_is_local(host: object) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["hub.example.org", "10.0.0.1", "2001:4860:4860::8888", "127.0.0.1.example.com"])
def test_other_machines_are_not(host: str) -> None:
    assert not is_local(host)


@pytest.mark.parametrize("reach", [
    lambda: socket.create_connection(("192.0.2.1", 80), 0.1),
    lambda: socket.getaddrinfo("hub.example.org", 443),
])
def test_a_connection_is_refused_and_a_hidden_refusal_fails_the_test(reach: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match="reached for the network"), guarded(), contextlib.suppress(OSError):
        reach()


def test_a_connection_to_this_machine_is_made() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname(), 1) as client:
            assert client.getpeername() == server.getsockname()


def test_torch_runs_on_one_thread() -> None:
    assert torch.get_num_threads() == 1
