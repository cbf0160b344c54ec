"""Layer, instance and group normalization against torch.nn, and what shares statistics."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.concept import ConceptError
from models.learning.normalization_layers import CONCEPT, GroupNorm, InstanceNorm, LayerNorm, shared_statistics


def same(ours: nn.Module, theirs: nn.Module, shape: tuple[int, ...]) -> None:
    ours, theirs = ours.double(), theirs.double()
    for parameter in ours.parameters():
        nn.init.normal_(parameter)
    theirs.load_state_dict(ours.state_dict())
    x = (torch.randn(shape, dtype=torch.float64) * 2 + 1).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    a, b = ours(x), theirs(twin)
    upstream = torch.randn_like(a)
    (a * upstream).sum().backward()
    (b * upstream).sum().backward()
    torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
    torch.testing.assert_close(x.grad, twin.grad, atol=1e-6, rtol=0)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 5), st.integers(0, 99))
def test_layer_norm_equals_torch_over_one_axis_and_over_two(n, length, width, seed):
    torch.manual_seed(seed)
    same(LayerNorm(width), nn.LayerNorm(width), (n, length, width))
    same(LayerNorm((length, width)), nn.LayerNorm((length, width)), (n, length, width))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(2, 4), st.integers(0, 99))
def test_group_norm_equals_torch(n, groups, each, size, seed):
    torch.manual_seed(seed)
    same(GroupNorm(groups, groups * each), nn.GroupNorm(groups, groups * each), (n, groups * each, size, size))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 4), st.booleans(), st.integers(0, 99))
def test_instance_norm_equals_torch(n, channels, size, affine, seed):
    torch.manual_seed(seed)
    same(InstanceNorm(channels, affine=affine), nn.InstanceNorm2d(channels, affine=affine), (n, channels, size, size))
    same(InstanceNorm(channels, affine=affine), nn.InstanceNorm1d(channels, affine=affine), (n, channels, size))


def test_one_group_is_the_whole_sample_and_a_group_per_channel_is_instance_norm():
    assert torch.equal(shared_statistics("그룹", 3, 4, 1), shared_statistics("레이어", 3, 4))
    assert torch.equal(shared_statistics("그룹", 3, 4, 4), shared_statistics("인스턴스", 3, 4))


def test_only_batch_norm_shares_statistics_between_samples():
    for kind, shared in (("배치", True), ("레이어", False), ("인스턴스", False), ("그룹", False)):
        sets = shared_statistics(kind, 3, 4, 2)
        assert bool(set(sets[0].tolist()) & set(sets[1].tolist())) is shared


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ConceptError, match="groups\\)=5"):
        CONCEPT.run({"kind": "그룹", "channels": 12, "groups": 5})
    with pytest.raises(ValueError, match="do not split"):
        GroupNorm(3, 8)


@pytest.mark.parametrize(("question", "value"), [
    ("(8, 64, 32, 32) 텐서에 인스턴스 정규화를 하면 평균은 몇 개가 나와?", "512"),
    ("(8, 64, 32, 32) 텐서에 배치 정규화를 하면 평균은 몇 개야?", "64"),
    ("(8, 64, 32, 32)에 레이어 정규화를 하면 평균이 몇 개?", "8"),
    ("(8, 64, 32, 32)에 그룹 수 32인 그룹 정규화를 하면 평균은 몇 개?", "256"),
    ("nn.LayerNorm(768)의 학습 파라미터 수는?", "1,536"),
    ("nn.GroupNorm(32, 64)의 파라미터는 몇 개인가요?", "128"),
    ("토큰 [1, 2, 3, 4]에 레이어 정규화를 하면 결과는?", "[-1.3416, -0.4472, 0.4472, 1.3416]"),
])
def test_questions_with_numbers_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    answers = [c.run(**arguments).value for c, arguments in parsed if arguments is not None]
    assert answers == [value]


@pytest.mark.parametrize("question", ["레이어 정규화는 어떻게 계산하나요?", "nn.LayerNorm(768)에서 768은 무슨 뜻이에요",
                                      "(8, 64, 32, 32)에 그룹 정규화를 하면 평균은 몇 개?"])
def test_questions_that_leave_a_number_out_are_not_computed(question):
    assert all(c.parse(question) is None for c in CONCEPT.computations)
