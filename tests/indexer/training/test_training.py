"""Training: what the losses say, what is never trained on, and that a run goes on from its checkpoint."""

from __future__ import annotations

import json
import math
import random
import shutil
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from indexer.bridge import Head, token_features
from indexer.encoder import SPECIAL_IDS, EmbeddedEncoder, embedded_folder
from indexer.tokens import TokenStore
from indexer.training import data as source
from indexer.training import encoder as encoders
from indexer.training.data import Pair, Passage
from indexer.training.encoder import (
    SCALE,
    Batches,
    Example,
    Mix,
    TwoHeads,
    average,
    both_losses,
    hidden,
    interaction,
    interaction_loss,
    learn,
    mined,
    pooled,
    ranking_loss,
)
from indexer.training.grad_cache import Hidden, cached, carry_on
from indexer.training.loop import Plan, Run, autocast, optimizer_for
from indexer.training.reranker import CrossEncoder, export, paired, pruned_tokenizer, trunk
from models.attention.bert import Bert, BertConfig

SMALL = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                   max_position_embeddings=32)


def test_a_question_equally_near_to_all_passages_costs_the_logarithm_of_their_number() -> None:
    same = torch.zeros(4, 4, dtype=torch.bool)
    equal = torch.ones(4, 384)
    assert ranking_loss(equal, equal, same).item() == pytest.approx(1.3 * math.log(4), abs=1e-5)


def test_the_right_passage_alone_at_hand_costs_nothing() -> None:
    vectors = torch.eye(3, 384) + torch.eye(3, 384).roll(96, 1) + torch.eye(3, 384).roll(192, 1)
    assert ranking_loss(vectors, vectors, torch.zeros(3, 3, dtype=torch.bool)).item() < 3 * math.exp(-SCALE) * 2


def test_a_passage_of_the_same_group_is_no_negative() -> None:
    vectors = torch.ones(2, 384)
    hidden = torch.tensor([[False, True], [True, False]])
    assert ranking_loss(vectors, vectors, hidden).item() == pytest.approx(0.0, abs=1e-5)


def test_late_interaction_of_equal_scores_costs_the_logarithm_of_their_number() -> None:
    scores = torch.full((3, 3), 0.4)
    loss = interaction_loss(scores, torch.zeros(3, 3, dtype=torch.bool), torch.tensor(30.0))
    assert loss.item() == pytest.approx(1.3 * math.log(3), abs=1e-5)
    assert interaction_loss(torch.eye(3), torch.zeros(3, 3, dtype=torch.bool), torch.tensor(30.0)).item() < 1e-6


def test_training_scores_passages_as_the_search_does() -> None:
    questions = ["배치 정규화는 왜 쓰나요?", "필터", "드롭아웃은 평가 때 어떻게 되나"]
    passages = ["배치 정규화는 층의 입력을 고르게 맞추어 학습을 빠르게 한다.", "합성곱 필터", "드롭아웃은 평가 때 끈다. " * 5, "짧다"]
    encoder = EmbeddedEncoder()
    model = TwoHeads.load(encoder.folder)
    tokenizer = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
    with torch.inference_mode():
        asked, found = (hidden(model.bert, tokenizer, texts, 80) for texts in (questions, passages))
        scores, vectors = interaction(model, asked, found), pooled(found)
    made, tokens = encoder.encode_tokens(passages, kind="passage")
    store = TokenStore.of([t.vectors for t in tokens])
    searched = np.stack([store.scores(t, range(len(passages))) for t in encoder.encode_tokens(questions, kind="query")[1]])
    np.testing.assert_allclose(scores.numpy(), searched, atol=0.02)  # bf16 in training, 8 bits in the index
    np.testing.assert_allclose(vectors.numpy(), made, atol=0.02)


def test_the_rate_warms_up_and_falls_to_a_twentieth() -> None:
    plan = Plan(steps=100, rate=1.0, warmup=0.1)
    assert plan.rate_at(0) == pytest.approx(0.1)
    assert plan.rate_at(9) == pytest.approx(1.0)
    assert plan.rate_at(10) == pytest.approx(1.0)
    assert plan.rate_at(100) == pytest.approx(0.05)


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    def model() -> Bert:
        torch.manual_seed(0)
        return Bert(SMALL).eval()

    def go(folder: Path, until: int) -> Bert:
        network = model()
        run = Run(folder, network, optimizer_for(network, 0.01), Plan(steps=6, rate=0.01, save_every=3))
        run.resume()
        for step in run.steps():
            tokens = torch.randint(1, 50, (2, 5), generator=torch.Generator().manual_seed(step))
            run.update(network(tokens).pow(2).mean())
            if run.step + 1 == until:
                run.step += 1
                run.save()
                break
        return network

    whole = go(tmp_path / "whole", until=99)
    go(tmp_path / "halves", until=3)
    resumed = go(tmp_path / "halves", until=99)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor, msg=name)


def test_a_batch_in_parts_gives_the_gradient_of_the_whole() -> None:
    torch.manual_seed(0)
    model = TwoHeads(Bert(SMALL).eval())
    parts = [Hidden(rows, torch.empty(0), torch.ones(3, 5, dtype=torch.long), torch.randint(SPECIAL_IDS, 50, (3, 5))) for rows in ((0, 2, 4), (1, 3, 5))]
    same = torch.zeros(6, 6, dtype=torch.bool)

    def made() -> list[Hidden]:
        with autocast():
            return [replace(part, states=model.bert(part.ids, part.mask).float()) for part in parts]

    both_losses(model, made(), made(), same).backward()
    whole = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    with torch.no_grad():
        questions, passages = cached(made()), cached(made())
    both_losses(model, questions, passages, same).backward()
    assert not any(p.grad is not None for p in model.bert.parameters())
    carry_on(model.bert, [*questions, *passages])
    assert len(whole) > 20
    for name, parameter in model.named_parameters():
        if name in whole:
            torch.testing.assert_close(parameter.grad, whole[name], rtol=2e-2, atol=1e-4, msg=name)


def test_a_larger_batch_holds_as_many_times_of_everything() -> None:
    assert astuple(Mix(1, 2, 3, 4, 5, 6, 7).times(4)) == (4, 8, 12, 16, 20, 24, 28)


def test_a_step_in_parts_learns_what_a_whole_step_does(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(embedded_folder() / "tokenizer.json"))
    one, other = Passage("a", "드롭아웃은 뉴런을 끈다"), Passage("b", "풀링은 그림을 줄인다")
    batch = [("뉴런을 끄는 것", one, other), ("그림을 줄이는 것", other, None)]
    learned = []
    for in_parts in (False, True):
        torch.manual_seed(0)
        model = TwoHeads(Bert(replace(SMALL, vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64)).eval())
        run = Run(tmp_path / str(in_parts), model, torch.optim.SGD(model.parameters(), lr=0.1), Plan(steps=1, rate=0.1))  # type: ignore[arg-type]
        learn(run, model, tokenizer, batch, in_parts=in_parts)
        learned.append(model.state_dict())
    fresh = learned[0]["project.weight"]
    torch.manual_seed(0)
    start = TwoHeads(Bert(replace(SMALL, vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64))).state_dict()
    assert not torch.equal(fresh, start["project.weight"])
    for name, tensor in learned[0].items():
        torch.testing.assert_close(learned[1][name], tensor, rtol=1e-2, atol=1e-4, msg=name)


def test_what_is_held_out_is_always_the_same_tenth() -> None:
    keys = [f"key-{i}" for i in range(2000)]
    held = [source.is_held_out(k) for k in keys]
    assert held == [source.is_held_out(k) for k in keys]
    assert 0.07 < sum(held) / len(held) < 0.13


def test_every_asked_question_belongs_to_a_concept_with_terms_and_a_note() -> None:
    concepts = {concept for concept, _ in source.asked_questions()}
    assert concepts == set(source.concept_terms()) == set(source.own_notes())
    assert len(source.asked_questions()) >= 3360


def test_the_pairs_of_a_concept_share_its_group_and_no_question_answers_itself() -> None:
    pairs = list(source.asked_pairs(0))
    assert all(p.positive.group.startswith("concept-") and p.positive.text != p.question for p in pairs)


def test_typing_slips_keep_the_letters_of_the_question() -> None:
    text = "배치 정규화는 왜 쓰나요"
    for seed in range(30):
        noisy = source.noisy(text, random.Random(seed))
        assert noisy != "" and set(noisy) <= set(text)
        assert len(text) - text.count(" ") - 1 <= len(noisy) <= len(text)


def test_mined_negatives_resemble_the_question_but_never_come_from_its_group() -> None:
    pool = [Passage("a", "드롭아웃은 뉴런을 끈다"), Passage("b", "드롭아웃 비율은 확률이다"), Passage("c", "합성곱은 필터를 민다"),
            Passage("a", "드롭아웃을 평가 때는 쓰지 않는다")]
    (example,) = mined([Pair("드롭아웃은 왜 쓰나", pool[0], "asked")], pool, first=0)
    assert [p.group for p in example.negatives] == ["b"]


def test_batches_draw_every_example_before_any_comes_twice() -> None:
    examples = [Example(Pair(str(i), Passage(str(i), "x"), "k"), ()) for i in range(6)]
    batches = Batches({"asked": examples}, Mix(sections=0, asked=3, weak=0, labelled=0), seed=1)
    drawn = [e.pair.question for _ in range(2) for e in batches.examples()]
    assert sorted(drawn) == [str(i) for i in range(6)]


def test_a_pruned_tokenizer_knows_what_it_knew_by_other_numbers() -> None:
    texts = ["배치 정규화는 층의 입력을 고르게 한다", "convolution 필터"]
    tokenizer, kept = pruned_tokenizer(embedded_folder(), texts, 4000)
    whole = Tokenizer.from_file(str(embedded_folder() / "tokenizer.json"))
    assert len(kept) == tokenizer.get_vocab_size() <= whole.get_vocab_size()
    for text in texts:
        assert tokenizer.encode(text).tokens == whole.encode(text).tokens
        assert [kept[i] for i in tokenizer.encode(text).ids] == whole.encode(text).ids


def test_an_average_lies_between_two_models_and_keeps_a_token_head_that_only_one_has(tmp_path: Path) -> None:
    start = embedded_folder()
    moved = TwoHeads.load(start)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter += 0.5
    encoders.export(moved, start, tmp_path / "moved")
    average(start, tmp_path / "moved", tmp_path / "between", weight=0.5)
    one, other, between = (TwoHeads.load(folder).state_dict() for folder in (start, tmp_path / "moved", tmp_path / "between"))
    for name, tensor in between.items():
        torch.testing.assert_close(tensor, (one[name] + other[name]) / 2, atol=4e-3, rtol=2e-3)  # the file holds half precision
    shutil.copytree(start, tmp_path / "headless")
    (tmp_path / "headless" / encoders.TOKEN_HEAD).unlink()
    average(tmp_path / "headless", tmp_path / "moved", tmp_path / "kept", weight=0.5)
    torch.testing.assert_close(TwoHeads.load(tmp_path / "kept").project.weight, TwoHeads.load(tmp_path / "moved").project.weight)


def test_an_exported_reranker_scores_alike_in_transformers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer, kept = pruned_tokenizer(embedded_folder(), ["배치 정규화"], 3000)
    model = CrossEncoder(trunk(Bert.load(embedded_folder()), kept, (0, 3))).eval()
    pairs = [("배치 정규화는 왜 쓰나", "배치 정규화는 층의 입력을 고르게 한다"), ("합성곱", "필터를 민다")]
    export(model, tokenizer, embedded_folder(), tmp_path)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float32).eval()
    encoded = AutoTokenizer.from_pretrained(tmp_path)([q for q, _ in pairs], [p for _, p in pairs], padding=True, return_tensors="pt")
    with torch.inference_mode():
        mine = model(*paired(tokenizer, pairs))
        other = theirs(**encoded).logits.squeeze(-1)
    np.testing.assert_allclose(mine.numpy(), other.numpy(), atol=5e-3)  # the file holds half precision
    assert json.loads((tmp_path / "config.json").read_text("utf-8"))["num_labels"] == 1


def test_the_bridges_head_gives_probabilities() -> None:
    head = Head(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0.0, 0.5]))
    logs = head.log_probabilities(np.array([1.0, 0.0]))
    assert np.exp(logs).sum() == pytest.approx(1.0)
    assert np.exp(logs)[0] == pytest.approx(math.exp(2) / (math.exp(2) + math.exp(0.5)))


def test_token_features_have_length_one_and_pass_over_unknown_tokens() -> None:
    features = token_features(["a", "a", "zzz"], {"a": 0, "b": 1}, np.array([3.0, 1.0]))
    assert features.tolist() == [1.0, 0.0]
    assert token_features(["zzz"], {"a": 0}, np.array([1.0])).tolist() == [0.0]
