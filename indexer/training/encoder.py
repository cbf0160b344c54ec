"""Train the sentence encoder: a question and the passage that answers it move together, all others apart.

Multiple-negatives ranking (InfoNCE) with one mined hard negative for each question, at three Matryoshka widths.
Source: van den Oord et al. (2018), "Representation Learning with Contrastive Predictive Coding"; Kusupati et al. (2022),
"Matryoshka Representation Learning".
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from indexer.analyzer import tokens as keyword_tokens
from indexer.keyword import KeywordIndex
from indexer.terms import builtin_terms
from indexer.training import data as source
from indexer.training.data import Pair, Passage
from indexer.training.loop import Plan, Run, autocast, device, optimizer_for
from models.attention.bert import Bert, mean_pool

SCALE = 20.0
WIDTHS = (384, 192, 96)
QUESTION_TOKENS, PASSAGE_TOKENS = 32, 80
_PART = 32  # texts that go through the network together


@dataclass(frozen=True)
class Mix:
    """How many questions of a batch come from where."""

    sections: int = 22
    asked: int = 20
    weak: int = 4
    labelled: int = 2


@dataclass(frozen=True)
class Example:
    """A pair with what resembles its answer but is not."""

    pair: Pair
    negatives: tuple[Passage, ...]


def mined(pairs: Sequence[Pair], pool: Sequence[Passage], *, first: int = 1, last: int = 25) -> list[Example]:
    """The passages of ``pool`` that BM25 ranks ``first`` … ``last`` for each question, those of its own group left out."""
    terms = builtin_terms()
    index = KeywordIndex.build([keyword_tokens(p.text, terms) for p in pool])
    out = []
    for pair in pairs:
        scores = index.scores(dict.fromkeys(keyword_tokens(pair.question, terms), 1.0))
        ranked = np.argsort(-scores, kind="stable")[: last + 5]
        others = [pool[i] for i in ranked if pool[i].group != pair.positive.group and scores[i] > 0]
        out.append(Example(pair, tuple(others[first:last])))
    return out


class Batches:
    """Examples of all kinds, shuffled without end, from one seed."""

    def __init__(self, kinds: Mapping[str, Sequence[Example]], mix: Mix, seed: int) -> None:
        self._kinds, self._mix = kinds, mix
        self._chance = random.Random(seed)
        self._queues: dict[str, list[Example]] = {name: [] for name in kinds}

    def _draw(self, kind: str) -> Example:
        if not self._queues[kind]:
            self._queues[kind] = self._chance.sample(list(self._kinds[kind]), len(self._kinds[kind]))
        return self._queues[kind].pop()

    def examples(self) -> list[Example]:
        """The examples of one step."""
        return [self._draw(kind) for kind in self._kinds for _ in range(getattr(self._mix, kind))]

    def next(self) -> list[tuple[str, Passage, Passage | None]]:
        """(question, positive, hard negative) for one step."""
        out = []
        for example in self.examples():
            question = example.pair.question
            if self._chance.random() < 0.08:
                question = source.noisy(question, self._chance)
            negative = self._chance.choice(example.negatives) if example.negatives else None
            out.append((question, example.pair.positive, negative))
        return out


def ranking_loss(questions: Tensor, passages: Tensor, same: Tensor) -> Tensor:
    """InfoNCE of questions (B, C) against passages (P, C); passage i answers question i.

    ``same``: bool (B, P), True where a passage is of the question's group without being its answer: not a negative.
    """
    target = torch.arange(len(questions), device=questions.device)
    total = questions.new_zeros(())
    for width in WIDTHS:
        q, p = F.normalize(questions[:, :width], dim=-1), F.normalize(passages[:, :width], dim=-1)
        logits = (SCALE * q @ p.T).masked_fill(same, -1e4)
        backward = logits[:, : len(questions)].T
        total = total + F.cross_entropy(logits, target) + 0.3 * F.cross_entropy(backward, target)
    return total / len(WIDTHS)


def embedded(model: Bert, tokenizer: Tokenizer, texts: Sequence[str], length: int) -> Tensor:
    """Vectors (len(texts), C) in the order given; texts of like length go through together, so that little is padding."""
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=0)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = []
    for at in range(0, len(order), _PART):
        encoded = tokenizer.encode_batch([texts[i] for i in order[at : at + _PART]])
        ids = torch.tensor([e.ids for e in encoded], device=device())
        mask = torch.tensor([e.attention_mask for e in encoded], device=device())
        with autocast():
            hidden = model(ids, mask)
        parts.append(mean_pool(hidden.float(), mask))
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[back.to(device())]


def examples(data: Path, seed: int, *, documents: int) -> dict[str, list[Example]]:
    """Everything to learn from, by kind; what is held out is left out."""
    asked = [p for p in source.asked_pairs(seed) if not p.held_out]
    written = [p for p in source.section_questions(data) if not p.held_out]
    found = [*source.sections(data, "korean_ml_docs"), *source.sections(data, "korean_tech_docs", limit=documents)]
    weak = list(source.weak_pairs(found, seed))
    pool = [*dict.fromkeys(p.positive for p in written), *(p for ps in source.own_notes().values() for p in ps),
            *random.Random(seed).sample([s.passage for s in found], min(2500, len(found)))]
    near: dict[str, list[Passage]] = {}
    for section in found:
        near.setdefault(section.document, []).append(section.passage)
    neighbours = [Example(p, tuple(n for n in near.get(p.positive.group.split("#")[0], ()) if n.group != p.positive.group)[:12]) for p in weak]
    labelled = [Example(p, ()) for p in source.labelled_pairs(data, seed, translations=6000)]
    return {"sections": mined(written, pool), "asked": mined(asked, pool), "weak": neighbours, "labelled": labelled}


@torch.inference_mode()
def held_out_scores(model: Bert, tokenizer: Tokenizer, data: Path) -> dict[str, float]:
    """On sections and concepts never trained on: is the right passage first, by meaning alone?"""
    written = list(source.section_questions(data))
    passages = list(dict.fromkeys(p.positive for p in written))
    asked = [p for p in source.asked_pairs(0) if p.held_out]
    notes = [p for ps in source.own_notes().values() for p in ps]
    scores = {}
    for name, pairs, pool in (("sections", [p for p in written if p.held_out], passages), ("concepts", asked, notes)):
        vectors = embedded(model, tokenizer, [p.text for p in pool], PASSAGE_TOKENS)
        questions = embedded(model, tokenizer, [p.question for p in pairs], QUESTION_TOKENS)
        ranked = (-(questions @ vectors.T)).argsort(dim=1)
        right = [[pool[int(j)].group == pair.positive.group for j in row[:10]] for pair, row in zip(pairs, ranked, strict=True)]
        scores[f"{name}_hit1"] = round(sum(r[0] for r in right) / len(right), 4)
        scores[f"{name}_mrr10"] = round(sum(next((1 / (i + 1) for i, ok in enumerate(r) if ok), 0) for r in right) / len(right), 4)
    return scores


def train(data: Path, start: Path, out: Path, *, steps: int, rate: float, seed: int, documents: int,
          mix: Mix | None = None) -> None:
    """Train from the model in ``start`` and write the result, in the sentence-transformers layout, to ``out``."""
    torch.manual_seed(seed)
    mix = mix or Mix()
    plan = Plan(steps=steps, rate=rate, seed=seed)
    model = Bert.load(start).to(device())  # in evaluation mode: no example is seen often enough for dropout to pay
    tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    run = Run(out / "run", model, optimizer_for(model, rate), plan)
    resumed = run.resume()
    kinds = examples(data, seed + run.step, documents=documents)
    run.log({name: len(found) for name, found in kinds.items()} | {"resumed": resumed})
    batches = Batches(kinds, mix, seed + run.step)
    for _ in run.steps():
        batch = batches.next()
        passages = [p for _, p, _ in batch] + [n for _, _, n in batch if n is not None]
        groups = [p.group for p in passages]
        same = torch.tensor([[g == groups[i] and j != i for j, g in enumerate(groups)] for i in range(len(batch))], device=device())
        questions = embedded(model, tokenizer, [q for q, _, _ in batch], QUESTION_TOKENS)
        vectors = embedded(model, tokenizer, [p.text for p in passages], PASSAGE_TOKENS)
        run.update(ranking_loss(questions, vectors, same))
    run.save()
    run.log(held_out_scores(model, tokenizer, data))
    export(model, start, out)


def export(model: Bert, start: Path, out: Path) -> None:
    """Write fp16 weights with config, tokenizer and pooling in the sentence-transformers layout."""
    out.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "modules.json", "sentence_bert_config.json"):
        if (start / name).resolve() != (out / name).resolve():
            shutil.copyfile(start / name, out / name)
    (out / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": model.config.hidden_size, "pooling_mode_mean_tokens": True}
    (out / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=1) + "\n", "utf-8")


def average(one: Path, other: Path, out: Path, *, weight: float) -> None:
    """Write the weights between two models of one shape: ``(1 - weight) * one + weight * other``.

    Between its start and its end a fine-tuned model keeps more of what it knew.
    Source: Wortsman et al. (2022), "Robust Fine-Tuning of Zero-Shot Models".
    """
    start, end = Bert.load(one), Bert.load(other)
    mixed = {name: torch.lerp(tensor, end.state_dict()[name], weight) for name, tensor in start.state_dict().items()}
    start.load_state_dict(mixed)
    export(start, one, out)
