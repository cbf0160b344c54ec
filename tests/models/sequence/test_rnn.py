import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sequence.recurrent import parameter_count
from models.sequence.rnn import CONCEPT, RNN, demo

SIZES = {
    "steps": st.integers(1, 6),
    "batch": st.integers(1, 3),
    "width": st.integers(1, 5),
    "hidden": st.integers(1, 5),
    "layers": st.integers(1, 3),
    "batch_first": st.booleans(),
}


def assert_same_as_torch(ours, twin, steps, batch, width, batch_first):
    """Outputs, last states and all gradients of ``ours`` equal those of ``twin`` in float64."""
    ours.double().load_state_dict(twin.double().state_dict())
    x = torch.randn((batch, steps, width) if batch_first else (steps, batch, width), dtype=torch.float64)
    results = []
    for model in (ours, twin):
        inputs = x.clone().requires_grad_()
        output, state = model(inputs)
        states = state if isinstance(state, tuple) else (state,)
        again, _ = model(inputs, state)  # a given state is read too
        (output.sin().sum() + sum(s.pow(2).sum() for s in states) + again.sum()).backward()
        results.append([output, *states, again, inputs.grad, *(p.grad for _, p in sorted(model.named_parameters()))])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(**SIZES)
def test_values_and_gradients_equal_torch(steps, batch, width, hidden, layers, batch_first):
    assert_same_as_torch(
        RNN(width, hidden, layers, batch_first=batch_first),
        torch.nn.RNN(width, hidden, layers, batch_first=batch_first),
        steps,
        batch,
        width,
        batch_first,
    )


def test_shapes_are_those_of_the_note():
    output, h_n = RNN(10, 20, batch_first=True)(torch.zeros(4, 7, 10))
    assert output.shape == (4, 7, 20)
    assert h_n.shape == (1, 4, 20)


def test_the_order_of_the_inputs_changes_the_state():
    torch.manual_seed(0)
    rnn, x = RNN(1, 4), torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1)
    assert not torch.allclose(rnn(x)[1], rnn(x.flip(0))[1])


@pytest.mark.parametrize("layers, bidirectional", [(1, False), (2, False), (1, True), (3, True)])
def test_parameters_are_counted_as_torch_has_them(layers, bidirectional):
    for gates, twin in ((1, torch.nn.RNN), (3, torch.nn.GRU), (4, torch.nn.LSTM)):
        model = twin(10, 20, layers, bidirectional=bidirectional)
        assert parameter_count(gates, 10, 20, layers, bidirectional=bidirectional) == sum(
            p.numel() for p in model.parameters()
        )


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        RNN(0, 4)


@pytest.mark.parametrize(
    "question, value",
    [
        ("nn.RNN(10, 20)의 파라미터는 몇 개인가요?", "640개"),
        ("nn.RNN(input_size=10, hidden_size=20) 파라미터 개수 계산", "640개"),
        ("입력 크기가 32이고 은닉 크기가 64인 RNN의 파라미터 수", "6,272개"),
        ("순환 신경망 입력 10, 은닉 20, 2층이면 매개변수는?", "1,480개"),
        ("nn.RNN(10, 20, bias=False) 파라미터 수", "600개"),
    ],
)
def test_the_parameter_question_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


@pytest.mark.parametrize(
    "question",
    [
        "RNN의 파라미터 수는 어떻게 계산하나요?",
        "nn.LSTM(10, 20)의 파라미터는?",
        "nn.RNN(10, 20) 출력 모양은?",
        "입력 10, 은닉 20인 RNN",
    ],
)
def test_other_questions_are_left_alone(question):
    assert CONCEPT.computations[0].parse(question) is None


def test_a_weaker_recurrence_forgets_the_first_input_sooner():
    name = "첫 입력의 영향(최대 대비)"
    assert demo(scale=0.3).numbers[name] < demo(scale=1.0).numbers[name]


def test_many_to_one_uses_a_single_output():
    assert demo(structure="다대일").numbers["쓰는 출력의 수"] == 1
    assert demo(structure="다대다", steps=13).numbers["쓰는 출력의 수"] == 13
