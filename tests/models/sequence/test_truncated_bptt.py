import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sequence.gru import GRU
from models.sequence.lstm import LSTM
from models.sequence.rnn import RNN
from models.sequence.truncated_bptt import CONCEPT, chunk_lengths, demo, reach, run_in_chunks, train_in_chunks


@settings(max_examples=15, deadline=None)
@given(length=st.integers(1, 12), chunk=st.integers(1, 14), kind=st.sampled_from([RNN, LSTM, GRU]))
def test_values_are_those_of_the_whole_and_gradients_those_of_torch_cut_by_hand(length, chunk, kind):
    ours = kind(2, 3).double()
    twin = getattr(torch.nn, kind.__name__)(2, 3).double()
    twin.load_state_dict(ours.state_dict())
    x = torch.randn(length, 2, 2, dtype=torch.float64)
    output = run_in_chunks(ours, x, chunk)
    torch.testing.assert_close(output, twin(x)[0])

    output.sin().sum().backward()
    state = None
    for piece in x.split(chunk):
        if state is not None:
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        out, state = twin(piece, state)
        out.sin().sum().backward()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, getattr(twin, name).grad, rtol=1e-6, atol=1e-6)


def test_no_gradient_crosses_a_border():
    torch.manual_seed(0)
    seen = reach(RNN(1, 4).double(), torch.randn(6, 1, 1, dtype=torch.float64), 3) > 0
    lower = torch.ones(3, 3).tril().bool()
    assert torch.equal(seen, torch.block_diag(lower, lower).bool())


def test_a_chunk_as_long_as_the_sequence_is_the_whole_backpropagation():
    torch.manual_seed(0)
    layer, x = RNN(1, 4).double(), torch.randn(7, 1, 1, dtype=torch.float64)
    inputs = x.clone().requires_grad_()
    layer(inputs)[0][-1].pow(2).sum().div(2).backward()
    torch.testing.assert_close(reach(layer, x, 7, [6])[0], inputs.grad.flatten().abs())


def test_training_updates_once_per_piece():
    torch.manual_seed(0)
    layer, updates = RNN(1, 4), []
    losses = train_in_chunks(
        layer, torch.randn(100, 2, 1), 35, lambda out, start: out.pow(2).mean(), lambda: updates.append(1)
    )
    assert len(losses) == len(updates) == 3


def test_a_hundred_steps_fall_into_35_35_and_30():
    assert chunk_lengths(100, 35) == [35, 35, 30]


def test_the_last_gradient_reaches_only_its_own_piece():
    assert demo(length=40, chunk=15).numbers["마지막 손실의 기울기가 닿는 시점 수"] == 10
    assert demo(length=40, chunk=80).numbers["버려진 기울기의 비율"] == 0


@pytest.mark.parametrize(
    "question, value",
    [
        ("길이 100인 시퀀스를 35씩 잘라 truncated BPTT를 하면 조각은 몇 개인가요?", "3개"),
        ("시퀀스 길이 1000, 청크 길이 64일 때 TBPTT 청크 수는?", "16개"),
    ],
)
def test_the_question_for_the_pieces_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_numbers_is_left_alone():
    assert CONCEPT.computations[0].parse("TBPTT 조각 길이는 보통 몇으로 해?") is None
