"""FAISS: exact up to 50,000 vectors, 8-bit scalar quantization above, with exact rescoring; on the GPU where one works.

A GPU index is not safe for concurrent searches, so one lock stands in front of it.
"""

from __future__ import annotations

import logging
import threading
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from indexer.errors import BackendMissingError

log = logging.getLogger(__name__)

FLAT_LIMIT = 50_000
IVF_LIMIT = 500_000
_OVERFETCH = 4  # a quantized index proposes this many times k, exact scores choose


@cache
def faiss() -> ModuleType:
    """The faiss module.

    Raises:
        BackendMissingError: neither faiss-cpu nor faiss-gpu is installed.
    """
    try:
        import faiss as module
    except ImportError as error:
        raise BackendMissingError("faiss가 없습니다: CPU라면 pip install 'pilgi[cpu]', NVIDIA GPU라면 "
                                  "pip install 'pilgi[gpu]' (둘 중 하나만) 를 실행해 주세요.") from error
    return module


@cache
def gpu_works() -> bool:
    """Whether a real search on the GPU gives the right answer; counting GPUs alone says too little."""
    module = faiss()
    if not hasattr(module, "StandardGpuResources"):
        return False
    probe = np.eye(8, dtype=np.float32)
    try:
        if module.get_num_gpus() == 0:
            return False
        index = module.index_cpu_to_gpu(module.StandardGpuResources(), 0, module.IndexFlatIP(8))
        index.add(probe)
        _, found = index.search(probe, 1)
    except RuntimeError as error:
        log.warning("FAISS cannot use the GPU, the CPU is used instead: %s", error)
        return False
    if not (found[:, 0] == np.arange(8)).all():
        log.warning("FAISS gave wrong neighbours on the GPU, the CPU is used instead")
        return False
    return True


def _new_index(dim: int, count: int) -> Any:
    module = faiss()
    if count <= FLAT_LIMIT:
        return module.IndexFlatIP(dim)
    if count <= IVF_LIMIT:
        return module.index_factory(dim, "SQ8", module.METRIC_INNER_PRODUCT)
    lists = int(4 * count**0.5)
    return module.index_factory(dim, f"IVF{lists},SQ8", module.METRIC_INNER_PRODUCT)


class FaissStore:
    """Vectors on disk as float32, and the FAISS index over them."""

    def __init__(self, vectors: np.ndarray, index: Any | None = None) -> None:
        self._vectors = vectors
        self._lock = threading.Lock()
        count, dim = vectors.shape
        self._exact = count <= FLAT_LIMIT
        if index is None:
            index = _new_index(dim, count)
            if not index.is_trained:
                sample = np.random.default_rng(0).choice(count, min(count, 200_000), replace=False)
                index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
            for at in range(0, count, 65_536):
                index.add(np.ascontiguousarray(vectors[at : at + 65_536]))
        if hasattr(index, "nprobe"):
            index.nprobe = 64
        self._cpu = index
        self._index = index
        if gpu_works():
            try:
                self._resources = faiss().StandardGpuResources()  # must live as long as the index
                self._index = faiss().index_cpu_to_gpu(self._resources, 0, index)
            except RuntimeError as error:  # too large for its memory, or a kind of index it does not have
                log.warning("FAISS cannot hold these vectors on the GPU, the CPU is used instead: %s", error)

    @property
    def vectors(self) -> np.ndarray:
        """float32 (count, dim), as given."""
        return self._vectors

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """``queries``: (q, dim) -> inner products (q, k) and numbers (q, k), best first; -1 where there is none."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        k = min(k, len(self._vectors))
        if k == 0:
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        with self._lock:
            scores, numbers = self._index.search(queries, k if self._exact else min(k * _OVERFETCH, len(self._vectors)))
        return (scores, numbers) if self._exact else self._rescored(queries, numbers, k)

    def _rescored(self, queries: np.ndarray, numbers: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores = np.full(numbers.shape, -np.inf, dtype=np.float32)
        for row, found in enumerate(numbers):
            real = found >= 0
            scores[row, real] = self._vectors[found[real]] @ queries[row]
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(numbers, order, 1)

    def save(self, folder: Path) -> None:
        """Write the vectors, and the index where building it again would take long."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "vectors.npy", self._vectors, allow_pickle=False)
        if not self._exact:
            faiss().write_index(self._cpu, str(folder / "index.faiss"))

    @classmethod
    def load(cls, folder: Path) -> FaissStore:
        """Read what ``save`` wrote; the vectors stay on disk until they are needed."""
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        path = folder / "index.faiss"
        return cls(vectors, faiss().read_index(str(path)) if path.is_file() else None)
