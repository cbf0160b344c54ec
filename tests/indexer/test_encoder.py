"""The encoder that ships against the libraries that can read its folder too; its fingerprint; what a setting loads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from indexer.encoder import EmbeddedEncoder, SentenceTransformerEncoder, embedded_folder, load_encoder
from indexer.errors import ModelError

TEXTS = ["배치 정규화는 층의 입력을 고르게 맞춘다.", "batch normalization", "짧다", "커널 " * 400, "(64, 3, 224, 224) → x@W + b 🙂", "가"]

needs_weights = pytest.mark.skipif(not (embedded_folder() / "model.safetensors").is_file(), reason="no weights beside the code")


@pytest.fixture(scope="module")
def embedded() -> EmbeddedEncoder:
    return EmbeddedEncoder()


@pytest.fixture(scope="module")
def vectors(embedded: EmbeddedEncoder) -> np.ndarray:
    return embedded.encode(TEXTS, kind="passage")


@needs_weights
def test_vectors_have_length_one_and_the_models_size(embedded: EmbeddedEncoder, vectors: np.ndarray) -> None:
    assert vectors.shape == (len(TEXTS), embedded.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@needs_weights
def test_vectors_equal_those_of_sentence_transformers(vectors: np.ndarray) -> None:
    theirs = SentenceTransformerEncoder(str(embedded_folder()))
    np.testing.assert_allclose(vectors, theirs.encode(TEXTS, kind="passage"), atol=1e-4)


@needs_weights
def test_vectors_equal_the_mean_of_transformers_last_hidden_states(vectors: np.ndarray) -> None:
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(embedded_folder())
    model = AutoModel.from_pretrained(embedded_folder(), dtype=torch.float32).eval()
    for text, mine in zip(TEXTS, vectors, strict=True):
        tokens = tokenizer(text.strip(), truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            mean = model(**tokens).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(mine, (mean / mean.norm()).numpy(), atol=1e-4)


@needs_weights
def test_a_vector_does_not_depend_on_what_is_embedded_beside_it(embedded: EmbeddedEncoder, vectors: np.ndarray) -> None:
    for text, together in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(embedded.encode([text], kind="query")[0], together, atol=1e-5)
    np.testing.assert_allclose(embedded.encode(TEXTS[::-1], kind="passage")[::-1], vectors, atol=1e-5)


@needs_weights
def test_no_texts_give_no_vectors(embedded: EmbeddedEncoder) -> None:
    assert embedded.encode([], kind="passage").shape == (0, embedded.dim)


@needs_weights
@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_a_text_without_words_is_a_finite_vector(embedded: EmbeddedEncoder, text: str) -> None:
    assert np.isfinite(embedded.encode([text], kind="query")).all()


def tiny(folder: Path) -> Path:
    """A BERT of a few numbers with a tokenizer, as sentence-transformers reads it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder.mkdir()
    torch.manual_seed(0)
    config = BertConfig(vocab_size=12, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                        max_position_embeddings=32)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "커널", "배치", "정규화", "학습", "모델", "층", "값"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(folder / "tokenizer.json"))
    if embedded_folder().is_dir():
        for name in ("modules.json", "sentence_bert_config.json", "tokenizer_config.json"):
            shutil.copy(embedded_folder() / name, folder / name)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}), "utf-8")
    return folder


def change_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(n for n in weights if n.endswith("word_embeddings.weight"))
    weights[name] = weights[name] * 1.01
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def change_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_text(path.read_text("utf-8").replace('"커널"', '"코넬"'), "utf-8")


@pytest.mark.parametrize("encoder", [EmbeddedEncoder, lambda folder: SentenceTransformerEncoder(str(folder))],
                         ids=["embedded", "sentence-transformers"])
def test_the_fingerprint_changes_with_weights_and_tokenizer_and_with_nothing_else(tmp_path: Path, encoder) -> None:
    folder = tiny(tmp_path / "tiny")
    first = encoder(folder).fingerprint
    used = encoder(folder)
    used.encode(["커널 배치"], kind="query")
    assert used.fingerprint == first
    change_tokenizer(folder)
    second = encoder(folder).fingerprint
    change_weights(folder)
    assert len({first, second, encoder(folder).fingerprint}) == 3


def test_a_folder_of_any_size_is_read_as_sentence_transformers_reads_it(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "tiny")
    texts = ["커널 배치 정규화", "모르는 말", "값"]
    np.testing.assert_allclose(EmbeddedEncoder(folder).encode(texts, kind="passage"),
                               SentenceTransformerEncoder(str(folder)).encode(texts, kind="passage"), atol=1e-5)


def test_prompts_are_part_of_vector_and_fingerprint(tmp_path: Path) -> None:
    folder = str(tiny(tmp_path / "tiny"))
    plain, prompted = SentenceTransformerEncoder(folder), SentenceTransformerEncoder(folder, query_prompt="학습 ")
    assert plain.fingerprint != prompted.fingerprint
    np.testing.assert_allclose(prompted.encode(["커널"], kind="query"), plain.encode(["학습 커널"], kind="query"), atol=1e-6)
    np.testing.assert_allclose(prompted.encode(["커널"], kind="passage"), plain.encode(["커널"], kind="passage"), atol=1e-6)


@pytest.mark.parametrize(("name", "prompts"), [
    ("my-e5-small", {"query": "query: ", "passage": "passage: "}),
    ("BGE-M3-copy", {"query": "", "passage": ""}),
    ("snowflake-arctic-embed-l", {"query": "query: ", "passage": ""}),
])
def test_known_models_are_asked_as_they_want(tmp_path: Path, name: str, prompts: dict[str, str]) -> None:
    assert SentenceTransformerEncoder(str(tiny(tmp_path / name)))._prompts == prompts


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_without_a_file_names_it(tmp_path: Path, missing: str) -> None:
    folder = tiny(tmp_path / "tiny")
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=f"{missing}.*PILGI_ENCODER"):
        EmbeddedEncoder(folder)


def test_a_model_that_is_not_there_says_which_setting_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.*PILGI_ENCODER.*embedded"):
        load_encoder(str(tmp_path / "nowhere"))


def test_settings_name_the_encoder() -> None:
    assert load_encoder("none") is None
    if (embedded_folder() / "model.safetensors").is_file():
        assert isinstance(load_encoder("embedded"), EmbeddedEncoder)
