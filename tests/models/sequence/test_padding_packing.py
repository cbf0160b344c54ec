import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from models.concept import ConceptError
from models.sequence.padding_packing import CONCEPT, demo, last_states, pack, pad, unpack
from models.sequence.rnn import RNN

LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None)
@given(lengths=LENGTHS, width=st.integers(1, 3))
def test_padding_packing_and_unpacking_equal_torch(lengths, width):
    batch = [torch.randn(n, width, dtype=torch.float64) for n in lengths]
    sizes, padded = torch.tensor(lengths), pad(batch, -1.0)
    torch.testing.assert_close(padded, pad_sequence(batch, batch_first=True, padding_value=-1.0))

    ours, twin = pack(padded, sizes), pack_padded_sequence(padded, sizes, batch_first=True, enforce_sorted=False)
    assert torch.equal(ours.batch_sizes, twin.batch_sizes)
    assert torch.equal(sizes[ours.sorted_indices], sizes[twin.sorted_indices])
    if len(set(lengths)) == len(lengths):  # torch leaves the order of equal lengths open
        torch.testing.assert_close(ours.data, twin.data)
    back, again = unpack(ours, -1.0)
    torch.testing.assert_close(back, pad_packed_sequence(twin, batch_first=True, padding_value=-1.0)[0])
    assert again.tolist() == lengths


@settings(max_examples=10, deadline=None)
@given(lengths=LENGTHS)
def test_the_last_states_and_gradients_of_a_packed_batch_equal_torch(lengths):
    ours, twin = RNN(2, 3).double(), torch.nn.RNN(2, 3).double()
    ours.load_state_dict(twin.state_dict())
    padded, sizes = pad([torch.randn(n, 2, dtype=torch.float64) for n in lengths]), torch.tensor(lengths)
    mine = last_states(ours, pack(padded, sizes))
    _, theirs = twin(pack_padded_sequence(padded, sizes, batch_first=True, enforce_sorted=False))
    torch.testing.assert_close(mine, theirs[0])
    mine.sin().sum().backward()
    theirs.sin().sum().backward()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, getattr(twin, name).grad, rtol=1e-6, atol=1e-6)


def test_the_example_of_the_note_wastes_six_of_twenty_cells():
    numbers = demo(lengths="5, 3, 2, 4").numbers
    assert (numbers["표의 칸"], numbers["진짜 토큰"], numbers["낭비되는 칸"], numbers["낭비 비율"]) == (20, 14, 6, 0.3)
    assert numbers["batch_sizes"] == "[4, 4, 3, 2, 1]"


def test_equal_lengths_waste_nothing_and_blanks_change_nothing():
    numbers = demo(lengths="4, 4, 4").numbers
    assert numbers["낭비되는 칸"] == 0
    assert numbers["빈칸을 읽어 어긋난 상태(최대)"] < 1e-6


def test_lengths_that_are_no_numbers_are_refused():
    with pytest.raises(ConceptError, match="40 이하"):
        demo(lengths="긴 것, 짧은 것")
    with pytest.raises(ValueError, match="between 1 and 3"):
        pack(torch.zeros(1, 3), torch.tensor([4]))


@pytest.mark.parametrize(
    "question, value",
    [
        ("문장 길이가 [5, 3, 2, 4]일 때 패딩으로 낭비되는 칸은 몇 개인가요?", "6칸"),
        ("길이 10, 7, 3인 시퀀스를 패딩하면 낭비되는 칸 수는?", "10칸"),
        ("길이가 각각 4, 4인 문장을 padding하면 빈칸은?", "0칸"),
    ],
)
def test_the_question_for_the_waste_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_lengths_is_left_alone():
    assert CONCEPT.computations[0].parse("패딩하면 낭비되는 칸은 어떻게 세나요?") is None
