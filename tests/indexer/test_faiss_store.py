"""Nearest neighbours by inner product: exact, quantized, on a GPU that works and on one that does not."""

from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faiss
import numpy as np
import pytest

from indexer.errors import BackendMissingError
from indexer.stores import faiss_store
from indexer.stores.faiss_store import FaissStore, gpu_works


@pytest.fixture(autouse=True)
def fresh_probes() -> Iterator[None]:
    for cached in (faiss_store.faiss, gpu_works):
        cached.cache_clear()
    yield
    for cached in (faiss_store.faiss, gpu_works):
        cached.cache_clear()


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    made = np.random.default_rng(0).standard_normal((600, 24)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def queries(vectors: np.ndarray) -> np.ndarray:
    return vectors[[3, 99, 500]] + 0.05 * np.random.default_rng(1).standard_normal((3, 24)).astype(np.float32)


def exact(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = queries @ vectors.T
    numbers = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, numbers, 1), numbers


LIMITS = {"flat": (1_000, 10_000), "SQ8": (100, 10_000), "IVF-SQ8": (100, 200)}


@pytest.mark.parametrize("kind", LIMITS)
def test_every_kind_of_index_gives_the_exact_scores(
    kind: str, vectors: np.ndarray, queries: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat, ivf = LIMITS[kind]
    monkeypatch.setattr(faiss_store, "FLAT_LIMIT", flat)
    monkeypatch.setattr(faiss_store, "IVF_LIMIT", ivf)
    scores, numbers = FaissStore(vectors).search(queries, 5)
    expected_scores, expected_numbers = exact(vectors, queries, 5)
    np.testing.assert_array_equal(numbers, expected_numbers)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)


@pytest.mark.parametrize("kind", LIMITS)
def test_what_was_saved_finds_the_same(
    kind: str, vectors: np.ndarray, queries: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat, ivf = LIMITS[kind]
    monkeypatch.setattr(faiss_store, "FLAT_LIMIT", flat)
    monkeypatch.setattr(faiss_store, "IVF_LIMIT", ivf)
    store = FaissStore(vectors)
    store.save(tmp_path)
    again = FaissStore.load(tmp_path)
    np.testing.assert_array_equal(again.vectors, vectors)
    for mine, other in zip(again.search(queries, 7), store.search(queries, 7), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert (tmp_path / "index.faiss").exists() == (kind != "flat")


def test_an_open_store_outlives_its_files(vectors: np.ndarray, queries: np.ndarray, tmp_path: Path) -> None:
    FaissStore(vectors).save(tmp_path)
    store = FaissStore.load(tmp_path)
    (tmp_path / "vectors.npy").unlink()
    np.testing.assert_array_equal(store.search(queries, 3)[1], exact(vectors, queries, 3)[1])


@pytest.mark.parametrize("limits", [(1_000, 10_000), (2, 10_000)])
def test_more_neighbours_than_vectors_are_all_of_them(
    vectors: np.ndarray, limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_store, "FLAT_LIMIT", limits[0])
    scores, numbers = FaissStore(vectors[:4]).search(vectors[:1], 10)
    assert scores.shape == numbers.shape == (1, 4)
    assert sorted(numbers[0]) == [0, 1, 2, 3]
    assert numbers[0, 0] == 0


def test_a_cell_with_too_few_vectors_leaves_places_empty(vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_store, "FLAT_LIMIT", 100)
    monkeypatch.setattr(faiss_store, "IVF_LIMIT", 200)
    store = FaissStore(vectors)
    store._index.nprobe = 1
    scores, numbers = store.search(vectors[:2], 600)
    assert (numbers == -1).any()
    assert (scores[numbers == -1] == -np.inf).all()
    assert (numbers[:, 0] == [0, 1]).all()


def test_zero_vectors_score_zero(vectors: np.ndarray) -> None:
    scores, numbers = FaissStore(np.zeros((3, 24), np.float32)).search(vectors[:1], 2)
    assert scores.tolist() == [[0.0, 0.0]]
    assert (numbers >= 0).all()


def test_no_vectors_and_no_queries_give_empty_answers(vectors: np.ndarray) -> None:
    scores, numbers = FaissStore(np.zeros((0, 24), np.float32)).search(vectors[:2], 5)
    assert scores.shape == numbers.shape == (2, 0)
    assert FaissStore(vectors).search(np.zeros((0, 24), np.float32), 5)[0].shape == (0, 5)


def test_without_faiss_the_error_names_both_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "faiss":
            raise ImportError("No module named 'faiss'")
        return real(name, *rest, **options)

    monkeypatch.delitem(sys.modules, "faiss")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendMissingError, match=r"pilgi\[cpu\].*pilgi\[gpu\]"):
        faiss_store.faiss()


class FakeGpu(SimpleNamespace):
    """The faiss module as built for a GPU; ``wrong`` says what goes wrong there."""

    def __init__(self, wrong: str = "") -> None:
        super().__init__(**{name: getattr(faiss, name) for name in ("IndexFlatIP", "METRIC_INNER_PRODUCT", "index_factory")})
        self.wrong = wrong
        self.moved: list[Any] = []

    def StandardGpuResources(self) -> object:
        if self.wrong == "no memory":
            raise RuntimeError("CUDA error: out of memory")
        return object()

    def get_num_gpus(self) -> int:
        if self.wrong == "no driver":
            raise RuntimeError("CUDA driver version is insufficient")
        return 0 if self.wrong == "no GPU" else 1

    def index_cpu_to_gpu(self, resources: object, device: int, index: Any) -> Any:
        if self.wrong == "no kernel":
            raise RuntimeError("no kernel image is available for execution on the device")
        if self.wrong == "too large" and index.d != 8:
            raise RuntimeError("cudaMalloc error out of memory")
        self.moved.append(index)
        return Scrambled(index) if self.wrong == "wrong answers" else index


class Scrambled:
    def __init__(self, index: Any) -> None:
        self.index = index

    def add(self, vectors: np.ndarray) -> None:
        self.index.add(vectors)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.int64)


@pytest.mark.parametrize("wrong", ["no GPU", "no driver", "no memory", "no kernel", "wrong answers", "too large"])
def test_a_gpu_that_does_not_work_is_left_for_the_cpu(
    wrong: str, vectors: np.ndarray, queries: np.ndarray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", FakeGpu(wrong))
    with caplog.at_level(logging.WARNING):
        store = FaissStore(vectors)
    assert gpu_works() == (wrong == "too large")
    np.testing.assert_array_equal(store.search(queries, 4)[1], exact(vectors, queries, 4)[1])
    assert ("the CPU is used instead" in caplog.text) == (wrong != "no GPU")


def test_a_gpu_that_works_holds_the_vectors(
    vectors: np.ndarray, queries: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = FakeGpu()
    monkeypatch.setitem(sys.modules, "faiss", module)
    store = FaissStore(vectors)
    assert [index.ntotal for index in module.moved] == [8, 600]
    np.testing.assert_array_equal(store.search(queries, 4)[1], exact(vectors, queries, 4)[1])


def test_the_faiss_that_is_installed_answers_the_probe_or_has_no_gpu() -> None:
    if not hasattr(faiss, "StandardGpuResources"):
        assert not gpu_works()
