"""Texts to vectors. The encoder that ships needs neither a hub nor a network; any other is one setting away."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np

from indexer.errors import ModelError
from indexer.plain import plain
from indexer.tokens import TOKEN_HEAD, TokenVectors
from indexer.types import Encoder

EMBEDDED = "embedded"
NONE = "none"
SPECIAL_IDS = 5  # [PAD] [UNK] [CLS] [SEP] [MASK] come first; they are no words
# How a hub model wants to be asked; a model that is not listed gets its own prompts from its config, or none.
PROMPTS: dict[str, tuple[str, str]] = {
    "e5": ("query: ", "passage: "),
    "bge-m3": ("", ""),
    "kure": ("", ""),
    "arctic-embed": ("query: ", ""),
    "qwen3-embedding": ("Instruct: 질문에 답하는 노트의 구절을 찾으시오.\nQuery: ", ""),
}


def embedded_folder() -> Path:
    """Where the encoder that ships lies."""
    return Path(str(files("models").joinpath("pretrained/encoder")))


class EmbeddedEncoder:
    """A small Korean BERT with mean pooling (see its model card), read straight from its folder.

    Torch and tokenizers are imported on first use, so that a command that only reads keywords starts fast.
    """

    max_tokens = 256

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or embedded_folder()
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            if not (self.folder / name).is_file():
                raise ModelError(f"{self.folder}에 {name}이(가) 없습니다: 패키지를 다시 설치하거나 PILGI_ENCODER를 바꿔 주세요.")

    @cached_property
    def dim(self) -> int:
        return int(json.loads((self.folder / "config.json").read_text("utf-8"))["hidden_size"])

    @cached_property
    def fingerprint(self) -> str:
        """Weights, tokenizer, pooling, length: whatever would change a vector."""
        digest = hashlib.sha256(f"mean-{self.max_tokens}".encode())
        for name in ("config.json", "model.safetensors", "tokenizer.json", TOKEN_HEAD):
            path = self.folder / name
            digest.update(path.read_bytes() if path.is_file() else b"none")
        return f"embedded-{digest.hexdigest()[:16]}"

    @cached_property
    def tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.enable_truncation(self.max_tokens)
        tokenizer.enable_padding(pad_id=0)
        return tokenizer

    @cached_property
    def model(self) -> Any:
        from models.attention.bert import Bert

        return Bert.load(self.folder)

    @cached_property
    def _head(self) -> dict[str, Any] | None:
        from safetensors.torch import load_file

        path = self.folder / TOKEN_HEAD
        return {name: tensor.float() for name, tensor in load_file(path).items()} if path.is_file() else None

    @cached_property
    def token_dim(self) -> int:
        """The length of a token's vector; 0 without the head that makes them. Torch is not needed to tell."""
        from safetensors import safe_open

        if not (self.folder / TOKEN_HEAD).is_file():
            return 0
        with safe_open(self.folder / TOKEN_HEAD, framework="numpy") as head:
            return int(head.get_slice("project.weight").get_shape()[0])

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> np.ndarray:
        """Unit vectors, float32 (len(texts), dim); long texts are cut at ``max_tokens``."""
        import torch

        from models.attention.bert import mean_pool

        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for rows, states, mask, _ in self._states(texts, quickly=False):
                out[rows] = mean_pool(states, mask).numpy()
        return out

    def encode_tokens(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> tuple[np.ndarray, list[TokenVectors]]:
        """Unit vectors as ``encode`` gives them, and the vectors of each text's tokens.

        Passages, which come in bulk, go through the network in half precision where the processor has it: twice as fast.
        """
        import torch
        from torch.nn import functional as F

        from models.attention.bert import mean_pool

        head = self._head
        if head is None:
            raise ModelError(f"{self.folder}에 {TOKEN_HEAD}이(가) 없습니다: 패키지를 다시 설치해 주세요.")
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        tokens: dict[int, TokenVectors] = {}
        with torch.inference_mode():
            for rows, states, mask, ids in self._states(texts, quickly=kind == "passage"):
                out[rows] = mean_pool(states, mask).numpy()
                vectors = F.normalize(states @ head["project.weight"].T, dim=-1).numpy()
                counts = F.softplus(states @ head["weigh.weight"].T + head["weigh.bias"]).squeeze(-1) * (ids >= SPECIAL_IDS)
                for i, (row, length) in enumerate(zip(rows, mask.sum(1).tolist(), strict=True)):
                    tokens[row] = TokenVectors.of(vectors[i, :length], counts[i, :length].numpy())
        return out, [tokens[i] for i in range(len(texts))]

    def _states(self, texts: Sequence[str], *, quickly: bool) -> Iterator[tuple[list[int], Any, Any, Any]]:
        """(places in ``texts``, last hidden states (N, T, C), mask (N, T), ids (N, T)) of batches of like length."""
        import torch

        half = quickly and torch.cpu._is_avx512_bf16_supported()
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for at in range(0, len(order), 32):
            rows = order[at : at + 32]
            encoded = self.tokenizer.encode_batch([plain(texts[i]) for i in rows])
            ids = torch.tensor([e.ids for e in encoded])
            mask = torch.tensor([e.attention_mask for e in encoded])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                states = self.model(ids, mask).float()
            yield rows, states, mask, ids


class SentenceTransformerEncoder:
    """Any sentence-transformers model, from a folder or a hub, on the GPU where there is one.

    Raises:
        ModelError: the model cannot be loaded; the message names it and the setting.
    """

    def __init__(self, name: str, *, query_prompt: str | None = None, passage_prompt: str | None = None) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        exact = {} if torch.cuda.is_available() else {"dtype": torch.float32}  # half precision is slow on a CPU
        try:
            self._model = SentenceTransformer(name, trust_remote_code=False, model_kwargs=exact)
        except Exception as error:  # the library raises whatever its loaders raise; all of it means the same to a user
            raise ModelError(f"인코더 {name}을(를) 불러올 수 없습니다({type(error).__name__}): PILGI_ENCODER를 확인하거나 "
                             f"'{EMBEDDED}'로 두세요.") from error
        known = next((p for key, p in PROMPTS.items() if key in name.lower()), None)
        stored = self._model.prompts or {}
        self._prompts = {
            "query": query_prompt if query_prompt is not None else (known[0] if known else stored.get("query") or ""),
            "passage": passage_prompt if passage_prompt is not None
            else (known[1] if known else stored.get("passage") or stored.get("document") or ""),
        }
        self._name = name

    @property
    def dim(self) -> int:
        size = self._model.get_embedding_dimension()
        assert size is not None
        return int(size)

    @cached_property
    def fingerprint(self) -> str:
        """Name, weights, tokenizer, pooling and prompts.

        Of each tensor every 61st value is read: training moves them all, and gigabytes are not hashed at every start. A
        pooler that the folder leaves out is made at random by each load, and no pooling here uses it.
        """
        digest = hashlib.sha256(json.dumps([self._prompts, str(self._model)]).encode())
        for key, tensor in sorted(self._model.state_dict().items()):
            if ".pooler." in key:
                continue
            digest.update(f"{key} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().flatten()[::61].float().cpu().numpy().tobytes())
        tokenizer = getattr(self._model.tokenizer, "backend_tokenizer", None)
        if tokenizer is not None:
            facts = json.loads(tokenizer.to_str()) | {"truncation": None, "padding": None}  # these two change with every use
            digest.update(json.dumps(facts, sort_keys=True).encode())
        return f"{self._name}-{digest.hexdigest()[:16]}"

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> np.ndarray:
        """Unit vectors, float32 (len(texts), dim)."""
        return np.asarray(self._model.encode([plain(t) for t in texts], prompt=self._prompts[kind], batch_size=32,
                                             normalize_embeddings=True, show_progress_bar=False), dtype=np.float32)


def load_encoder(name: str, *, query_prompt: str | None = None, passage_prompt: str | None = None) -> Encoder | None:
    """The encoder that a setting names: ``embedded``, ``none`` (keywords alone), a folder, or a hub's model.

    Raises:
        ModelError: it cannot be loaded.
    """
    if name == NONE:
        return None
    if name == EMBEDDED:
        return EmbeddedEncoder()
    return SentenceTransformerEncoder(name, query_prompt=query_prompt, passage_prompt=passage_prompt)
