"""Train the encoder: a question and the passage that answers it move together, all others apart.

One trunk, two heads. The *sentence* head pools a text into one vector (Matryoshka at three widths). The *token* head keeps a
narrow vector for each token: a question's tokens each look for their like in the passage, and count by a learned weight (late
interaction). Both are trained by multiple-negatives ranking (InfoNCE) with one mined hard negative for each question.
Source: van den Oord et al. (2018), "Representation Learning with Contrastive Predictive Coding"; Kusupati et al. (2022),
"Matryoshka Representation Learning"; Khattab & Zaharia (2020), "ColBERT".
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from indexer.analyzer import tokens as keyword_tokens
from indexer.encoder import SPECIAL_IDS
from indexer.keyword import KeywordIndex
from indexer.terms import builtin_terms
from indexer.tokens import TOKEN_DIM, TOKEN_HEAD
from indexer.training import data as source
from indexer.training import written
from indexer.training.data import Pair, Passage
from indexer.training.grad_cache import Hidden, cached, carry_on
from indexer.training.loop import Plan, Run, autocast, device, optimizer_for
from models.attention.bert import Bert, mean_pool

SCALE = 20.0
WIDTHS = (384, 192, 96)
QUESTION_TOKENS, PASSAGE_TOKENS = 32, 128
_PART = 32  # texts that go through the network together


@dataclass(frozen=True)
class Mix:
    """How many questions of a batch come from where."""

    sections: int = 12
    asked: int = 6
    passages: int = 10
    facets: int = 12
    terms: int = 6
    weak: int = 5
    labelled: int = 1

    def times(self, number: int) -> Mix:
        """So many times of everything."""
        return Mix(*(number * count for count in astuple(self)))


@dataclass(frozen=True)
class Example:
    """A pair with what resembles its answer but is not."""

    pair: Pair
    negatives: tuple[Passage, ...]


def mined(pairs: Sequence[Pair], pool: Sequence[Passage], *, first: int = 1, last: int = 25) -> list[Example]:
    """The passages of ``pool`` that BM25 ranks ``first`` … ``last`` for each question, without those that may answer it too."""
    terms = builtin_terms()
    index = KeywordIndex.build([keyword_tokens(p.text, terms) for p in pool])
    out = []
    for pair in pairs:
        scores = index.scores(dict.fromkeys(keyword_tokens(pair.question, terms), 1.0))
        ranked = np.argsort(-scores, kind="stable")[: last + 5]
        others = [pool[i] for i in ranked if scores[i] > 0 and not pool[i].may_answer_for(pair.positive)]
        out.append(Example(pair, tuple(others[first:last])))
    return out


Question = tuple[str, Passage, Passage | None]
"""A question, its answer and a hard negative."""


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

    def next(self) -> list[Question]:
        """The questions of one step."""
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


class TwoHeads(nn.Module):
    """The encoder with its token head: ``project`` to narrow vectors, ``weigh`` for how much a question's token counts."""

    def __init__(self, bert: Bert) -> None:
        super().__init__()
        width = bert.config.hidden_size
        self.bert = bert
        self.project = nn.Linear(width, TOKEN_DIM, bias=False)
        self.weigh = nn.Linear(width, 1)
        self.log_scale = nn.Parameter(torch.tensor(3.4))
        nn.init.orthogonal_(self.project.weight)
        nn.init.normal_(self.weigh.weight, std=0.02)
        nn.init.constant_(self.weigh.bias, 0.5)

    @classmethod
    def load(cls, folder: Path) -> TwoHeads:
        """The encoder in ``folder``, with its token head where it has one."""
        model = cls(Bert.load(folder))  # in evaluation mode: no example is seen often enough for dropout to pay
        if (folder / TOKEN_HEAD).is_file():
            head = load_file(folder / TOKEN_HEAD)
            model.load_state_dict({name: tensor.float() for name, tensor in head.items()}, strict=False)
        return model


def hidden(model: Bert, tokenizer: Tokenizer, texts: Sequence[str], length: int) -> list[Hidden]:
    """Texts of like length go through together, so that little is padding."""
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=0)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = []
    for at in range(0, len(order), _PART):
        rows = order[at : at + _PART]
        encoded = tokenizer.encode_batch([texts[i] for i in rows])
        ids = torch.tensor([e.ids for e in encoded], device=device())
        mask = torch.tensor([e.attention_mask for e in encoded], device=device())
        with autocast():
            states = model(ids, mask)
        parts.append(Hidden(tuple(rows), states.float(), mask, ids))
    return parts


def _in_order(values: Tensor, parts: Sequence[Hidden], dim: int = 0) -> Tensor:
    """``values`` are in the order of ``parts``; return them in the order of the texts."""
    order = torch.tensor([row for part in parts for row in part.rows], device=values.device)
    return values.index_select(dim, order.argsort())


def pooled(parts: Sequence[Hidden]) -> Tensor:
    """Sentence vectors (texts, C)."""
    return _in_order(torch.cat([mean_pool(p.states, p.mask) for p in parts]), parts)


def interaction(model: TwoHeads, questions: Sequence[Hidden], passages: Sequence[Hidden]) -> Tensor:
    """Late interaction (questions, passages), -1 … 1: each token of a question finds its like, weighed by what it counts."""
    asked = []
    for part in questions:
        counts = F.softplus(model.weigh(part.states).squeeze(-1)) * (part.ids >= SPECIAL_IDS)
        asked.append((F.normalize(model.project(part.states), dim=-1), counts / counts.sum(1, keepdim=True).clamp(min=1e-6)))
    columns = []
    for part in passages:
        tokens = F.normalize(model.project(part.states), dim=-1)  # (P, T, D)
        rows = []
        for vectors, counts in asked:
            with autocast():
                alike = vectors.flatten(0, 1) @ tokens.flatten(0, 1).T
            alike = alike.float().view(*vectors.shape[:2], *tokens.shape[:2]).masked_fill(part.mask == 0, -1.0)
            rows.append((alike.amax(-1) * counts[..., None]).sum(1))  # (Q, P)
        columns.append(torch.cat(rows))
    return _in_order(_in_order(torch.cat(columns, dim=1), questions), passages, dim=1)


def interaction_loss(scores: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """InfoNCE of late interaction (B, P), both ways; ``same`` as in ``ranking_loss``."""
    logits = (scores * scale).masked_fill(same, -1e4)
    target = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits, target) + 0.3 * F.cross_entropy(logits[:, : len(logits)].T, target)


def both_losses(model: TwoHeads, questions: Sequence[Hidden], passages: Sequence[Hidden], same: Tensor) -> Tensor:
    """The loss of the sentence head and of the token head."""
    scores = interaction(model, questions, passages)
    return ranking_loss(pooled(questions), pooled(passages), same) + interaction_loss(scores, same, model.log_scale.exp())


def examples(data: Path, seed: int, *, documents: int, all_concepts: bool = False) -> dict[str, list[Example]]:
    """Everything to learn from, by kind; what is held out is left out, but for the concepts where ``all_concepts`` says so."""
    kinds = {"asked": source.asked_pairs(seed), "sections": source.section_questions(data), "passages": written.passage_pairs(),
             "facets": written.facet_pairs(), "terms": written.term_pairs(seed)}
    pairs = {name: [p for p in found if not p.held_out or (all_concepts and name != "sections")] for name, found in kinds.items()}
    found = [*source.sections(data, "korean_ml_docs"), *source.sections(data, "korean_tech_docs", limit=documents)]
    weak = list(source.weak_pairs(found, seed))
    chance = random.Random(seed)
    notes = [p for ps in written.note_passages().values() for p in ps]
    facets = [p for ps in written.facet_passages().values() for p in ps]
    terms = list(dict.fromkeys(p.positive for p in pairs["terms"]))
    documented = [*dict.fromkeys(p.positive for p in pairs["sections"]), *chance.sample([s.passage for s in found], min(2500, len(found)))]
    pool = [*notes, *facets, *terms, *documented]
    out = {name: mined(some, pool) for name, some in pairs.items()}
    # Those of one note, or of one concept's facets, are the hardest: they tell apart what a question asks for.
    for name, beside in (("passages", written.note_passages()), ("facets", written.facet_passages())):
        out[name] = [Example(e.pair, (*e.negatives[:8], *(p for p in beside[e.pair.positive.topic] if p.group != e.pair.positive.group)))
                     for e in out[name]]
    near: dict[str, list[Passage]] = {}
    for section in found:
        near.setdefault(section.document, []).append(section.passage)
    out["weak"] = [Example(p, tuple(n for n in near.get(p.positive.group.split("#")[0], ()) if n.group != p.positive.group)[:12]) for p in weak]
    out["labelled"] = [Example(p, ()) for p in source.labelled_pairs(data, seed, translations=6000)]
    return out


@torch.inference_mode()
def held_out_scores(model: TwoHeads, tokenizer: Tokenizer, data: Path) -> dict[str, float]:
    """On sections and concepts never trained on: how often the right passage is first, and its mean reciprocal rank, by each head."""
    sections = list(source.section_questions(data))
    notes, facets = list(written.passage_pairs()), list(written.facet_pairs())
    scores = {}
    for name, pairs in (("sections", sections), ("notes", notes), ("facets", facets)):
        pool = list(dict.fromkeys(p.positive for p in pairs))
        asked = [p for p in pairs if p.held_out and not p.kind.endswith("term")]
        passages = hidden(model.bert, tokenizer, [p.text for p in pool], PASSAGE_TOKENS)
        questions = hidden(model.bert, tokenizer, [p.question for p in asked], QUESTION_TOKENS)
        answers = torch.tensor([pool.index(p.positive) for p in asked], device=device())
        for head, found in (("sentence", pooled(questions) @ pooled(passages).T), ("tokens", interaction(model, questions, passages))):
            ranks = (found > found.gather(1, answers[:, None])).sum(1) + 1
            scores[f"{name}_{head}_hit1"] = round((ranks == 1).float().mean().item(), 4)
            scores[f"{name}_{head}_mrr"] = round((1 / ranks).float().mean().item(), 4)
    return scores


def learn(run: Run, model: TwoHeads, tokenizer: Tokenizer, batch: Sequence[Question], *, in_parts: bool) -> None:
    """One step on a batch. ``in_parts``: by ``grad_cache``; the network's memory is then that of one part."""
    found = [p for _, p, _ in batch] + [n for _, _, n in batch if n is not None]
    same = torch.tensor([[p.may_answer_for(found[i]) and j != i for j, p in enumerate(found)] for i in range(len(batch))], device=device())
    with torch.set_grad_enabled(not in_parts):
        questions = hidden(model.bert, tokenizer, [q for q, _, _ in batch], QUESTION_TOKENS)
        passages = hidden(model.bert, tokenizer, [p.text for p in found], PASSAGE_TOKENS)
    if in_parts:
        questions, passages = cached(questions), cached(passages)
        run.update(both_losses(model, questions, passages, same), partial(carry_on, model.bert, [*questions, *passages]))
    else:
        run.update(both_losses(model, questions, passages, same))


def train(data: Path, start: Path, out: Path, *, steps: int, rate: float, seed: int, documents: int,
          mix: Mix | None = None, all_concepts: bool = False, times: int = 1) -> None:
    """Train from the model in ``start`` and write the result, in the sentence-transformers layout, to ``out``.

    ``all_concepts``: for the last run, once the concepts that are held out have been measured. ``times``: so many times as many
    questions a step, above 1 by ``grad_cache``: only the comparison of all questions with all passages then grows in memory.
    """
    torch.manual_seed(seed)
    model = TwoHeads.load(start).to(device())
    tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    run = Run(out / "run", model, optimizer_for(model, rate), Plan(steps=steps, rate=rate, seed=seed))
    resumed = run.resume()
    kinds = examples(data, seed + run.step, documents=documents, all_concepts=all_concepts)
    run.log({name: len(found) for name, found in kinds.items()} | {"resumed": resumed})
    batches = Batches(kinds, (mix or Mix()).times(times), seed + run.step)
    for _ in run.steps():
        learn(run, model, tokenizer, batches.next(), in_parts=times > 1)
    run.save()
    export(model, start, out)
    run.log(held_out_scores(model, tokenizer, data))


def export(model: TwoHeads, start: Path, out: Path) -> None:
    """Write fp16 weights with config, tokenizer and pooling in the sentence-transformers layout, and beside them the token head."""
    out.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().half().contiguous() for name, tensor in model.bert.state_dict().items()}
    head = {name: tensor.detach().cpu().half().contiguous() for name, tensor in model.state_dict().items() if not name.startswith("bert.")}
    save_file(head, out / TOKEN_HEAD, metadata={"format": "pt"})
    save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "modules.json", "sentence_bert_config.json"):
        if (start / name).resolve() != (out / name).resolve():
            shutil.copyfile(start / name, out / name)
    (out / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": model.bert.config.hidden_size, "pooling_mode_mean_tokens": True}
    (out / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=1) + "\n", "utf-8")


def average(one: Path, other: Path, out: Path, *, weight: float) -> None:
    """Write the weights between two models of one shape: ``(1 - weight) * one + weight * other``.

    Between its start and its end a fine-tuned model keeps more of what it knew.
    Source: Wortsman et al. (2022), "Robust Fine-Tuning of Zero-Shot Models".
    """
    start, end = TwoHeads.load(one), TwoHeads.load(other)
    if not (one / TOKEN_HEAD).is_file():  # what it does not have yet is not mixed with chance
        start.load_state_dict({name: tensor for name, tensor in end.state_dict().items() if not name.startswith("bert.")}, strict=False)
    mixed = {name: torch.lerp(tensor, end.state_dict()[name], weight) for name, tensor in start.state_dict().items()}
    start.load_state_dict(mixed)
    export(start, one, out)
