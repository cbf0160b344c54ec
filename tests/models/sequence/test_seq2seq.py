import pytest
import torch

from models.concept import ConceptError
from models.sequence.seq2seq import EOS, SOS, Seq2Seq, demo, reversal_batch


def test_the_target_is_the_source_backwards_and_the_end_mark():
    source, target = reversal_batch(4, 3, torch.Generator().manual_seed(0))
    assert torch.equal(target[:, :3], source.flip(1))
    assert (target[:, 3] == EOS).all()


def test_with_teacher_forcing_the_right_tokens_are_read_one_step_late():
    torch.manual_seed(0)
    model = Seq2Seq(7, 7, 8).double()
    source, target = reversal_batch(5, 3, torch.Generator().manual_seed(0))
    stepwise = model(source, target, torch.ones(4, dtype=torch.bool))
    given = torch.cat([torch.full((5, 1), SOS), target[:, :-1]], dim=1)
    output, _ = model.decoder(model.target(given), model.encode(source))
    torch.testing.assert_close(stepwise, model.scores(output))


def test_without_it_the_answer_has_no_way_into_the_decoder():
    torch.manual_seed(0)
    model, off = Seq2Seq(7, 7, 8), torch.zeros(4, dtype=torch.bool)
    source, target = reversal_batch(5, 3, torch.Generator().manual_seed(0))
    assert torch.equal(model(source, target, off), model(source, torch.full_like(target, 3), off))


def test_the_context_is_one_vector_however_long_the_source():
    model = Seq2Seq(7, 7, 8)
    assert model.encode(torch.zeros(2, 3, dtype=torch.long)).shape == (1, 2, 8)
    assert model.encode(torch.zeros(2, 50, dtype=torch.long)).shape == (1, 2, 8)


def test_writing_stops_at_the_longest_length_where_no_end_comes():
    model = Seq2Seq(7, 7, 4)
    with torch.no_grad():
        model.scores.weight.zero_()
        model.scores.bias.zero_()
        model.scores.bias[3] = 1.0
    assert model.write(torch.tensor([[2, 3]]), 6) == [3] * 6


def test_teacher_forcing_learns_faster_and_the_word_comes_out_backwards():
    numbers = demo(word="가나라").numbers
    assert numbers["쓴 글"] == "라나가"
    assert numbers["통째로 맞힌 비율(교사 강요)"] > 0.9
    assert numbers["통째로 맞힌 비율(교사 강요)"] > numbers["통째로 맞힌 비율(끔)"]


def test_an_unknown_letter_is_refused():
    with pytest.raises(ConceptError, match="가, 나, 다, 라, 마"):
        demo(word="abc")
