"""BERT against transformers' BertModel, the masking of its pre-training, and its demo."""

import json

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn import functional as F

from models.attention import bert
from models.attention.bert import CONCEPT, SENTENCE, Bert, BertConfig, mean_pool
from models.attention.masked_lm import FATES, KEEP, MASK, RANDOM, mask_tokens

SIZES = {"vocab_size": 40, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 32,
         "max_position_embeddings": 16}


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


def twins(act):
    theirs = transformers.BertModel(
        transformers.BertConfig(**SIZES, hidden_act=act, attn_implementation="eager"), add_pooling_layer=False)
    ours = Bert(BertConfig(**SIZES, hidden_act=act))
    ours.load_state_dict(theirs.state_dict())
    return ours.double().eval(), theirs.double().eval()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(1, 12), st.sampled_from(["gelu", "gelu_pytorch_tanh"]), st.integers(0, 999))
def test_values_attention_and_gradients_equal_transformers(batch, length, act, seed):
    torch.manual_seed(seed)
    ours, theirs = twins(act)
    tokens, segments = torch.randint(1, 40, (batch, length)), torch.randint(2, (batch, length))
    mask = (torch.rand(batch, length) < 0.7).long()
    mask[:, 0] = 1
    kept = []
    hidden = ours(tokens, mask, segments, kept)
    expected = theirs(tokens, attention_mask=mask, token_type_ids=segments, output_attentions=True)
    torch.testing.assert_close(hidden, expected.last_hidden_state, atol=1e-6, rtol=0)
    for mine, other in zip(kept, expected.attentions, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=0)
    hidden.square().sum().backward()
    expected.last_hidden_state.square().sum().backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name], atol=1e-5, rtol=1e-6)


def test_what_transformers_saved_is_loaded(tmp_path):
    torch.manual_seed(0)
    theirs = transformers.BertModel(transformers.BertConfig(**SIZES)).eval()
    theirs.save_pretrained(tmp_path)
    tokens = torch.randint(40, (2, 7))
    torch.testing.assert_close(Bert.load(tmp_path)(tokens), theirs(tokens).last_hidden_state, atol=1e-5, rtol=0)


def test_weights_of_another_size_are_refused(tmp_path):
    save_file(Bert(BertConfig(**SIZES)).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({**SIZES, "hidden_size": 12}), "utf-8")
    with pytest.raises(RuntimeError, match="size mismatch"):
        Bert.load(tmp_path)


def test_bert_base_has_the_published_size():
    config = BertConfig(vocab_size=30_522, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
                        intermediate_size=3072)
    with torch.device("meta"):
        parameters = sum(p.numel() for p in Bert(config).parameters())
    assert parameters == 108_891_648  # with the pooler, 590,592, the 110M of the paper


def test_a_sentences_vector_has_length_one_and_passes_over_padding():
    hidden, mask = torch.randn(2, 4, 6), torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    pooled = mean_pool(hidden, mask)
    torch.testing.assert_close(pooled.norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(pooled[0], F.normalize(hidden[0, :2].mean(0), dim=-1))


def test_fifteen_percent_are_chosen_and_split_80_10_10():
    fates = [fate for seed in range(200) for fate in mask_tokens([True] + [False] * 100 + [True], seed)]
    chosen = [fate for fate in fates if fate]
    assert len(chosen) == 200 * 15
    shares = {fate: chosen.count(fate) / len(chosen) for fate in FATES}
    assert shares[MASK] == pytest.approx(0.8, abs=0.03)
    assert shares[RANDOM] == pytest.approx(0.1, abs=0.02) and shares[KEEP] == pytest.approx(0.1, abs=0.02)


def test_special_tokens_are_never_hidden_and_a_short_sentence_hides_one():
    for seed in range(20):
        fates = mask_tokens([True, False, False, True], seed)
        assert fates[0] is None and fates[3] is None and sum(fate is not None for fate in fates) == 1


def test_two_sentences_get_two_segments():
    tokens, ids, segments, _ = bert._read("문장 하나 | 문장 둘", 0)
    assert tokens[0] == "[CLS]" and tokens.count("[SEP]") == 2
    assert segments[0].tolist() == sorted(segments[0].tolist()) and set(segments[0].tolist()) == {0, 1}
    assert ids.shape == segments.shape == (1, len(tokens))


@pytest.fixture
def no_encoder(monkeypatch, tmp_path):
    monkeypatch.setattr(bert, "SHIPPED", tmp_path)
    bert.shipped.cache_clear()
    yield
    bert.shipped.cache_clear()


def test_without_the_shipped_encoder_a_small_one_is_drawn(no_encoder):
    demo = CONCEPT.run({"sentence": "나는 학교에 간다 | 너는 온다", "head": 2})
    assert demo.numbers["층"] == "2 / 2" and demo.numbers["토큰 수"] == 8 and "무작위" in demo.text


def test_the_running_encoders_attention_and_neighbours_are_drawn(no_encoder):
    weights = [[[[0.1, 0.7, 0.1, 0.1]] * 4] * 3] * 5
    live = {"tokens": ["[CLS]", "나", "너", "[SEP]"], "weights": weights, "neighbours": [["우리", 0.81]]}
    numbers = CONCEPT.run({"layer": 5, "head": 3}, live=live).numbers
    assert numbers["층"] == "5 / 5" and numbers["헤드 수"] == 3 and numbers["가장 센 눈길"] == "너 → 나 (0.700)"
    assert numbers["뜻이 가까운 말"] == "우리 0.81"
    assert CONCEPT.run({"sentence": SENTENCE + " 정말"}, live=live).numbers["층"] == "2 / 2"


@pytest.mark.parametrize(("question", "value"), [
    ("토큰 200개에 15% MLM을 적용하면 토큰을 몇 개 고르나요?", "30"),
    ("BERT가 토큰 200개의 15%를 골랐을 때 [MASK]로 바뀌는 것은 몇 개?", "24"),
    ("MLM은 토큰 100개에서 몇 개를 가리나요?", "15")])
def test_a_question_with_tokens_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "MLM은 토큰의 몇 퍼센트를 가리나요?", "BERT는 왜 토큰을 512개까지만 받나요?", "BERT는 왜 토큰의 15%를 고르나요?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
