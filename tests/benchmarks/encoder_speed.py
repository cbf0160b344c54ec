"""Ways to run the encoder that ships, side by side in one run: ``python -m tests.benchmarks.encoder_speed`` (extra: bench).

Prints passages a second (128 tokens), milliseconds for one query, seconds to load, and how far the vectors are from float32's
(1 - mean cosine). Ratios count; the seconds are this machine's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from indexer.chunker import chunk_note
from indexer.encoder import EmbeddedEncoder
from indexer.notes import read_notes
from indexer.types import Note
from models.attention.bert import Bert, mean_pool

PASSAGES, TOKENS = 64, 128
Run = Callable[[torch.Tensor, torch.Tensor], np.ndarray]


def torch_float32(folder: Path) -> Run:
    model = Bert.load(folder)

    @torch.inference_mode()
    def run(ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
        return mean_pool(model(ids, mask), mask).numpy()

    return run


def torch_bfloat16(folder: Path) -> Run:
    model = Bert.load(folder)

    @torch.inference_mode()
    def run(ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model(ids, mask)
        return mean_pool(hidden.float(), mask).numpy()

    return run


def _onnx(folder: Path) -> Path:
    """The encoder as an ONNX file."""
    path = Path(tempfile.mkdtemp()) / "model.onnx"
    ids = torch.ones(2, 16, dtype=torch.long)
    torch.onnx.export(Bert.load(folder), (ids, ids), str(path), input_names=["ids", "mask"], output_names=["hidden"],
                      dynamic_axes={"ids": {0: "b", 1: "t"}, "mask": {0: "b", 1: "t"}, "hidden": {0: "b", 1: "t"}}, dynamo=False)
    return path


def onnx_int8(folder: Path) -> Run:
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = _onnx(folder)
    quantize_dynamic(path, path.with_name("int8.onnx"), weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path.with_name("int8.onnx")), options, providers=["CPUExecutionProvider"])

    def run(ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
        (hidden,) = session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})
        return mean_pool(torch.from_numpy(hidden), mask).numpy()

    return run


def openvino_int8(folder: Path) -> Run:
    import nncf
    import openvino

    model = openvino.convert_model(str(_onnx(folder)))
    encoder = EmbeddedEncoder(folder)
    notes = [c.searched for n in read_notes(Path(str(files("corpus").joinpath("notes")))) if isinstance(n, Note) for c in chunk_note(n)]
    calibration = []
    for text in notes[:: max(1, len(notes) // 100)]:
        encoded = encoder.tokenizer.encode(text)
        calibration.append({"ids": np.array([encoded.ids]), "mask": np.array([encoded.attention_mask])})
    model = nncf.quantize(model, nncf.Dataset(calibration), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(calibration))
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": torch.get_num_threads()})

    def run(ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
        hidden = compiled({"ids": ids.numpy(), "mask": mask.numpy()})[0]
        return mean_pool(torch.from_numpy(hidden), mask).numpy()

    return run


def main() -> None:
    folder = EmbeddedEncoder().folder
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 20_000, (PASSAGES, TOKENS), generator=generator)
    mask = torch.ones_like(ids)
    reference = torch_float32(folder)(ids, mask)
    print(f"{'way':<16}{'passages/s':>12}{'query ms':>10}{'load s':>8}{'distance':>10}")
    for way in (torch_float32, torch_bfloat16, onnx_int8, openvino_int8):
        began = time.perf_counter()
        try:
            run = way(folder)
        except ImportError as error:
            print(f"{way.__name__:<16} not installed: {error}")
            continue
        load = time.perf_counter() - began
        vectors = run(ids, mask)
        began = time.perf_counter()
        for at in range(0, PASSAGES, 16):
            run(ids[at : at + 16], mask[at : at + 16])
        passages = PASSAGES / (time.perf_counter() - began)
        times = []
        for _ in range(20):
            began = time.perf_counter()
            run(ids[:1, :20], mask[:1, :20])
            times.append(time.perf_counter() - began)
        distance = 1 - float((vectors * reference).sum(1).mean())
        print(f"{way.__name__:<16}{passages:>12.1f}{1000 * float(np.median(times)):>10.1f}{load:>8.1f}{distance:>10.5f}")


if __name__ == "__main__":
    main()
