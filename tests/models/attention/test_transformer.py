"""Transformer layers against torch's, and the toy translation."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.attention.causal_mask import causal_mask
from models.attention.transformer import CONCEPT, END, ENGLISH, START, Transformer, gradient_by_layer, learn_translation
from models.attention.transformer_block import Decoder, DecoderLayer, Encoder, EncoderLayer
from models.concept import ConceptError


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


def as_torch(state):
    return {name.replace("ffn.", "").replace("cross_attn", "multihead_attn"): value for name, value in state.items()}


def assert_same(ours, twin, run_ours, run_twin, inputs):
    mine, theirs = [[x.clone().requires_grad_() for x in inputs] for _ in range(2)]
    a, b = run_ours(*mine), run_twin(*theirs)
    a.square().sum().backward()
    b.square().sum().backward()
    torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
    for x, y in zip(mine, theirs, strict=True):
        torch.testing.assert_close(x.grad, y.grad, atol=1e-6, rtol=0)
    gradients = {name: p.grad for name, p in twin.named_parameters()}
    for name, p in as_torch(dict(ours.named_parameters())).items():
        torch.testing.assert_close(p.grad, gradients[name], atol=1e-6, rtol=0)


SIZES = (st.integers(1, 3), st.integers(1, 3), st.integers(1, 8), st.integers(1, 5), st.booleans(),
         st.sampled_from(["relu", "gelu"]), st.integers(0, 999))


@settings(max_examples=15, deadline=None)
@given(*SIZES)
def test_an_encoder_layer_equals_torchs(heads, size, wide, length, norm_first, activation, seed):
    torch.manual_seed(seed)
    arguments = (heads * size * 2, heads, wide, 0.0, activation)
    ours = EncoderLayer(*arguments, norm_first).double()
    twin = nn.TransformerEncoderLayer(*arguments, batch_first=True, norm_first=norm_first).double()
    twin.load_state_dict(as_torch(ours.state_dict()))
    x = torch.randn(2, length, arguments[0], dtype=torch.float64)
    assert_same(ours, twin, ours, twin, [x])


@settings(max_examples=15, deadline=None)
@given(*SIZES)
def test_a_decoder_layer_equals_torchs(heads, size, wide, length, norm_first, activation, seed):
    torch.manual_seed(seed)
    arguments = (heads * size * 2, heads, wide, 0.0, activation)
    ours = DecoderLayer(*arguments, norm_first).double()
    twin = nn.TransformerDecoderLayer(*arguments, batch_first=True, norm_first=norm_first).double()
    twin.load_state_dict(as_torch(ours.state_dict()))
    x, memory = torch.randn(2, length, arguments[0]).double(), torch.randn(2, 3, arguments[0]).double()
    mask = causal_mask(length)
    assert_same(ours, twin, lambda x, m: ours(x, m, mask), lambda x, m: twin(x, m, tgt_mask=~mask), [x, memory])


@pytest.mark.parametrize("norm_first", [True, False])
def test_stacks_equal_torchs(norm_first):
    torch.manual_seed(0)
    sizes = (8, 2, 16, 0.0)
    pairs = ((Encoder, nn.TransformerEncoderLayer, nn.TransformerEncoder),
             (Decoder, nn.TransformerDecoderLayer, nn.TransformerDecoder))
    for kind, layer, stack in pairs:
        last = nn.LayerNorm(8) if norm_first else None
        options = {"enable_nested_tensor": False} if stack is nn.TransformerEncoder else {}
        twin = stack(layer(*sizes, batch_first=True, norm_first=norm_first), 3, last, **options).double()
        ours = kind(3, *sizes, norm_first=norm_first).double()
        twin.load_state_dict(as_torch(ours.state_dict()))
        x, memory = torch.randn(2, 4, 8).double(), torch.randn(2, 5, 8).double()
        if stack is nn.TransformerEncoder:
            torch.testing.assert_close(ours(x), twin(x), atol=1e-6, rtol=0)
        else:
            torch.testing.assert_close(ours(x, memory), twin(x, memory, tgt_mask=~causal_mask(4)), atol=1e-6, rtol=0)


def test_the_encoder_hands_out_every_layers_attention():
    kept = []
    Encoder(3, 8, 2, 16)(torch.randn(2, 5, 8), kept=kept)
    assert [tuple(weights.shape) for weights in kept] == [(2, 2, 5, 5)] * 3


def test_a_later_target_word_does_not_change_earlier_scores():
    torch.manual_seed(0)
    model = Transformer(5, 6, 2, 8, 2, 16).eval()
    source, target = torch.tensor([[1, 2, 3]]), torch.tensor([[0, 1, 2, 3]])
    other = torch.tensor([[0, 1, 2, 5]])
    torch.testing.assert_close(model(source, target)[:, :3], model(source, other)[:, :3])


def test_the_base_block_has_3152384_parameters():
    assert sum(p.numel() for p in EncoderLayer(512, 8, 2048).parameters()) == 3_152_384


@pytest.mark.parametrize("norm", ["pre-norm", "post-norm"])
def test_the_toy_translation_is_learned_and_looks_at_the_mirrored_word(norm):
    demo = CONCEPT.run({"sentence": "칠 이 영 구", "norm": norm})
    assert demo.numbers["번역"] == "nine zero two seven" and demo.numbers["마지막 손실"] < 0.3
    model, _ = learn_translation(4, 1, norm, 0)
    kept = []
    ids = model.translate(torch.tensor([[7, 2, 0, 9]]), START, END, 5, kept)
    assert [ENGLISH[i] for i in ids[:-1]] == ["nine", "zero", "two", "seven"] and ids[-1] == END
    assert kept[-1].shape == (1, 2, 5, 4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_deep_post_norm_has_the_larger_gradient_at_the_output(seed):
    assert gradient_by_layer("post-norm", 12, seed)[-1] > 2 * gradient_by_layer("pre-norm", 12, seed)[-1]


@pytest.mark.parametrize("sentence", ["삼 일 십", "일 " * 9])
def test_words_that_are_no_digits_or_too_many_are_refused(sentence):
    with pytest.raises(ConceptError, match="영 일 이"):
        CONCEPT.run({"sentence": sentence})


@pytest.mark.parametrize(("question", "value"), [
    ("d_model=512, d_ff=2048인 트랜스포머 인코더 블록 하나의 파라미터는 몇 개인가요?", "3,152,384"),
    ("d_model 768, d_ff 3072인 encoder layer의 파라미터 수는?", "7,087,872")])
def test_a_question_with_sizes_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "트랜스포머 인코더 블록의 파라미터 수는?", "d_model=512, d_ff=2048인 피드포워드 층의 파라미터 수는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None


def test_the_digits_of_a_question_fill_the_sentence():
    pattern = CONCEPT.controls[0].pattern
    assert re.search(pattern, "트랜스포머로 칠 이 영 구 옮겨 줘")[1] == "칠 이 영 구"
    assert re.search(pattern, "이 이유는 무엇인가? 그 이 일") is None
