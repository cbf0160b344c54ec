"""Train a cross-encoder on the encoder's own trunk: it reads question and passage together.

None ships: on two cores late interaction (the token head of ``encoder.py``) learned far more from the same questions, and costs a
millisecond. With a GPU this is the next step; ``PILGI_RERANKER`` takes the folder that it writes.

Its layers are the encoder's first and last; its vocabulary is the part of the encoder's that the data use most, so that both
models fit in the repository. For each question it learns to put the answering passage above what the hybrid search mistakes
for it (softmax over the group).
Source: Nogueira & Cho (2019), "Passage Re-ranking with BERT"; Gao et al. (2021), "Rethink Training of BERT Rerankers".
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from indexer.training import data as source
from indexer.training.data import Passage
from indexer.training.encoder import Batches, Example, Mix, examples, mined
from indexer.training.loop import Plan, Run, autocast, device, optimizer_for
from models.attention.bert import Bert

TOKENS = 128
NEGATIVES = 4
LAYERS = (0, 3)
VOCABULARY = 11_000


class CrossEncoder(nn.Module):
    """BERT, the pooler of transformers' BertForSequenceClassification, one score."""

    def __init__(self, bert: Bert) -> None:
        super().__init__()
        self.bert = bert
        width = bert.config.hidden_size
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, 1)
        nn.init.normal_(self.classifier.weight, std=0.02)
        nn.init.zeros_(self.classifier.bias)
        with torch.no_grad():
            self.pooler.weight.copy_(torch.eye(width))
            self.pooler.bias.zero_()

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor) -> Tensor:
        """``ids``, ``mask``, ``segments``: (B, T) -> scores (B,)."""
        first = self.bert(ids, mask, segments)[:, 0]  # (B, C) at [CLS]
        return self.classifier(torch.tanh(self.pooler(first))).squeeze(-1)


def pruned_tokenizer(start: Path, texts: Sequence[str], size: int) -> tuple[Tokenizer, list[int]]:
    """The tokenizer with only its ``size`` most used tokens, and the old number of each new one.

    Single characters and special tokens stay, so that nothing becomes unknown that was known.
    """
    facts = json.loads((start / "tokenizer.json").read_text("utf-8"))
    vocabulary: dict[str, int] = facts["model"]["vocab"]
    tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    used: Counter[int] = Counter()
    for at in range(0, len(texts), 1000):
        for encoded in tokenizer.encode_batch(list(texts[at : at + 1000])):
            used.update(encoded.ids)
    special = {token["content"] for token in facts["added_tokens"]}
    kept = {t for t in vocabulary if t in special or len(t.removeprefix("##")) == 1}
    for number, _ in used.most_common():
        if len(kept) >= size:
            break
        word = tokenizer.id_to_token(number)
        assert word is not None, number  # the number is one that the tokenizer gave
        kept.add(word)
    order = sorted(kept, key=lambda t: vocabulary[t])
    facts["model"]["vocab"] = {t: i for i, t in enumerate(order)}
    for token in facts["added_tokens"]:
        token["id"] = facts["model"]["vocab"][token["content"]]
    processor = facts.get("post_processor")
    if processor and "special_tokens" in processor:
        for name, entry in processor["special_tokens"].items():
            entry["ids"] = [facts["model"]["vocab"][name]]
    return Tokenizer.from_str(json.dumps(facts)), [vocabulary[t] for t in order]


def trunk(encoder: Bert, kept: Sequence[int], layers: Sequence[int]) -> Bert:
    """A shallower encoder with the kept tokens' vectors."""
    config = replace(encoder.config, vocab_size=len(kept), num_hidden_layers=len(layers), max_position_embeddings=256)
    small = Bert(config)
    state = encoder.state_dict()
    new = {}
    for name in small.state_dict():
        old = name
        if name.startswith("encoder.layer."):
            _, _, number, rest = name.split(".", 3)
            old = f"encoder.layer.{layers[int(number)]}.{rest}"
        new[name] = state[old]
    new["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][list(kept)]
    new["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:256]
    small.load_state_dict(new)
    return small


def paired(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and segments of (question, passage), padded to the longest; the passage is cut first."""
    tokenizer.enable_truncation(TOKENS, strategy="only_second")
    tokenizer.enable_padding(pad_id=0)
    encoded = tokenizer.encode_batch([(q[:160], p) for q, p in pairs])
    return tuple(torch.tensor([getattr(e, part) for e in encoded], device=device()) for part in ("ids", "attention_mask", "type_ids"))  # type: ignore[return-value]


def train(data: Path, start: Path, out: Path, *, steps: int, rate: float, seed: int, questions: int) -> None:
    """Train from the encoder in ``start``; ``questions`` a step, each with its passage and others that resemble it."""
    torch.manual_seed(seed)
    kinds = examples(data, seed, documents=150)
    kinds.pop("labelled")
    texts = [t for found in kinds.values() for e in found for t in (e.pair.question, e.pair.positive.text)]
    tokenizer, kept = pruned_tokenizer(start, texts, VOCABULARY)
    model = CrossEncoder(trunk(Bert.load(start), kept, LAYERS)).to(device())
    run = Run(out / "run", model, optimizer_for(model, rate), Plan(steps=steps, rate=rate, seed=seed))
    run.log({"resumed": run.resume(), "vocabulary": len(kept)} | {name: len(found) for name, found in kinds.items()})
    share = questions // 8
    mix = Mix(sections=2 * share, asked=share, passages=2 * share, facets=questions - 7 * share, terms=share, weak=share, labelled=0)
    batches = Batches(kinds, mix, seed + run.step)
    chance = random.Random(seed + run.step)
    for _ in run.steps():
        groups = [_group(example, chance) for example in batches.examples()]
        pairs = [(question, passage.text) for question, passages in groups for passage in passages]
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][1]))
        scores = torch.zeros(len(pairs), device=device())
        with autocast():
            for at in range(0, len(order), 48):
                part = order[at : at + 48]
                scores = scores.index_put((torch.tensor(part, device=device()),), model(*paired(tokenizer, [pairs[i] for i in part])).float())
        rows = scores.view(len(groups), NEGATIVES + 1)  # (questions, 1 + negatives); the first answers
        target = torch.zeros(len(groups), dtype=torch.long, device=device())
        run.update(F.cross_entropy(rows, target) + 0.2 * F.binary_cross_entropy_with_logits(rows, F.one_hot(target, NEGATIVES + 1).float()))
    run.save()
    run.log(held_out_scores(model, tokenizer, data))
    export(model, tokenizer, start, out)


def _group(example: Example, chance: random.Random) -> tuple[str, list[Passage]]:
    """A question, its passage, and others: mined ones first."""
    others = list(example.negatives)
    chance.shuffle(others)
    while len(others) < NEGATIVES:
        others.append(Passage("", "관련 없는 구절"))
    question = example.pair.question
    return (source.noisy(question, chance) if chance.random() < 0.08 else question), [example.pair.positive, *others[:NEGATIVES]]


@torch.inference_mode()
def held_out_scores(model: CrossEncoder, tokenizer: Tokenizer, data: Path) -> dict[str, float]:
    """On sections never trained on: how often the answering passage comes first among it and BM25's first fifteen others."""
    written = list(source.section_questions(data))
    pool = list(dict.fromkeys(p.positive for p in written))
    found = mined([p for p in written if p.held_out], pool, first=0, last=15)
    first = 0
    for example in found:
        pairs = [(example.pair.question, p.text) for p in (example.pair.positive, *example.negatives)]
        first += int(model(*paired(tokenizer, pairs)).argmax()) == 0
    return {"sections_first_of_16": round(first / len(found), 4), "questions": float(len(found))}


def export(model: CrossEncoder, tokenizer: Tokenizer, start: Path, out: Path) -> None:
    """Write it as transformers' BertForSequenceClassification, which sentence-transformers' CrossEncoder loads."""
    state = {f"bert.{k}": v for k, v in model.bert.state_dict().items()}
    state |= {"bert.pooler.dense.weight": model.pooler.weight, "bert.pooler.dense.bias": model.pooler.bias,
              "classifier.weight": model.classifier.weight, "classifier.bias": model.classifier.bias}
    save_file({k: v.detach().cpu().half().contiguous() for k, v in state.items()}, out / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((start / "config.json").read_text("utf-8"))
    config |= {"architectures": ["BertForSequenceClassification"], "num_labels": 1, "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0},
               "vocab_size": model.bert.config.vocab_size, "num_hidden_layers": model.bert.config.num_hidden_layers,
               "max_position_embeddings": model.bert.config.max_position_embeddings}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    facts = json.loads((start / "tokenizer_config.json").read_text("utf-8")) | {
        "model_max_length": model.bert.config.max_position_embeddings,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],  # it tells question and passage apart
    }
    (out / "tokenizer_config.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
