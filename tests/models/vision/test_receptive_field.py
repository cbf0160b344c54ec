import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.vision.receptive_field import CONCEPT, influence, measured, receptive_field

(SIZE,) = CONCEPT.computations


@pytest.mark.parametrize(("layers", "size"), [(1, 3), (2, 5), (3, 7), (5, 11), (10, 21)])
def test_stacked_3x3_layers_see_l_times_k_minus_1_plus_1(layers, size):
    assert receptive_field([(3, 1, 1)] * layers) == layers * (3 - 1) + 1 == size


def test_the_gradient_gives_the_same_size_as_the_formula():
    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2), st.just(1)), min_size=1, max_size=4))
    def check(layers):
        assert measured(layers) == receptive_field(layers)

    check()


def test_dilated_layers_that_leave_no_holes_measure_the_same():
    layers = [(3, 1, 1), (3, 1, 2), (3, 1, 4)]
    assert measured(layers) == receptive_field(layers) == 15


def test_the_stride_of_the_last_layer_changes_nothing_and_of_the_first_doubles_the_rest():
    assert receptive_field([(3, 1, 1), (3, 2, 1)]) == receptive_field([(3, 1, 1), (3, 1, 1)]) == 5
    assert receptive_field([(3, 2, 1), (3, 1, 1)]) == 7


def test_1x1_layers_never_widen_it():
    assert receptive_field([(1, 1, 1)] * 20) == 1


def test_the_middle_of_the_field_counts_most():
    field = influence([(3, 1, 1)] * 3)
    assert field.argmax() == field.numel() // 2
    assert field[1, 1] == pytest.approx(field.max().item() / 49)  # 구석에는 길이 하나, 가운데에는 7x7개


def test_too_wide_a_field_is_named():
    with pytest.raises(ConceptError, match="한계 161"):
        CONCEPT.run({"layers": 12, "kernel": 9, "stride": 3})


@pytest.mark.parametrize(("question", "value"), [
    ("3x3 합성곱을 다섯 층 쌓으면, 즉 커널 3 층수 5일 때 수용 영역은?", "11"),
    ("커널 크기 5인 합성곱 4층의 receptive field 크기는?", "17"),
    ("커널 3, 스트라이드 2인 합성곱을 3층 쌓으면 수용 영역은 몇 픽셀이야?", "15"),
    ("3x3 필터를 세 번 쌓으면 수용 영역이 얼마야?", "7"),
    ("커널 3인 층을 팽창률 1, 2, 4, 8로 쌓으면 수용 영역은 얼마인가요?", "31"),
    ("3x3 conv 다섯 층이면 입력에서 몇 x 몇을 보게 되는지", "11"),
    ("7x7 conv 한 층의 receptive field는 몇?", "7"),
])
def test_the_size_is_computed(question, value):
    assert SIZE.run(**SIZE.parse(question)).value == value


@pytest.mark.parametrize("question", [
    "receptive field 계산 공식", "수용 영역이란 무엇인가요?",
    "3x3 conv 4층에 중간 stride 2 하나 있으면 수용 영역은 몇이야",
    "풀링이 수용 영역에 미치는 영향",
])
def test_other_questions_are_left_alone(question):
    assert SIZE.parse(question) is None
