"""Readable text: marks go, words stay, code and formulas are left alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.plain import plain, plain_line


@pytest.mark.parametrize(
    ("marked", "readable"),
    [
        ("**굵게** 그리고 *기울임*, ~~지움~~, ==강조==", "굵게 그리고 기울임, 지움, 강조"),
        ("논리형 *tensor*를 인덱스로 작성함.**", "논리형 tensor를 인덱스로 작성함."),
        ("** 딥러닝은 지속될까?", "딥러닝은 지속될까?"),
        ("### 1) *view()* ###", "1) view()"),
        ("# <span style='color: red'>제목</span>", "제목"),
        ("> [!note] 중요\n> **F1** 점수\n>> 둘", "중요\nF1 점수\n둘"),
        ("앞\n\n---\n\n뒤", "앞\n\n뒤"),
        ("[위키](http://a.b/c_(d)) <https://x.y>", "위키 https://x.y"),
        ("![고유벡터](./a.png) ![image.png](attachment:image.png)", "고유벡터"),
        ("[[노트|별칭]]과 [[이름]] 그리고 주석[^1]", "별칭과 이름 그리고 주석"),
        ("| 모델 | 값 |\n|---|:-:|\n| CNN | 1\\|2 |", "모델 · 값\n\nCNN · 1|2"),
        ("<table><tr><th>가</th><th>나</th></tr><tr><td>1</td><td>2</td></tr></table>", "가 · 나\n1 · 2"),
        ("<p>하나<br/>둘</p><!-- 메모 --><script>x()</script>", "하나\n둘"),
        ("<pre><code>a &lt; b</code></pre>", "a < b"),
        ("&lt;pad&gt; &amp; 토큰", "<pad> & 토큰"),
        (":math:`x^2`\\와 `문서 <http://a>`_ ``code``", "x^2\\와 문서 code"),
    ],
)
def test_marks_are_taken_away(marked: str, readable: str) -> None:
    assert plain(marked) == readable


@pytest.mark.parametrize(
    "text",
    [
        "x**2 + y**2 = z**2",
        "2*3*4 와 a * b * c",
        "snake_case_name 과 __init__",
        "t[1][2] 와 a[i][j], [[1,0],[0,1]]",
        "<EOS> 토큰과 <s> 문장 </s>, a<b and c>d",
        "값은 $x_1 * y_2 * z$ 이고 $$\\sum_i **x**$$ 이다",
        "가격은 $5 에서 $6",
        "- 항목\n- 둘",
    ],
)
def test_what_only_looks_like_a_mark_stays(text: str) -> None:
    assert plain(text) == text


def test_code_keeps_its_comments_and_stars_and_loses_its_fence() -> None:
    assert plain("```python\n### 주석 **x**\na = b * c * d\n```\n**뒤**") == "### 주석 **x**\na = b * c * d\n뒤"
    assert plain("~~~\n# x\n~~~") == "# x"
    assert plain("```\n# 열린 채로") == "# 열린 채로"
    assert plain("코드 `a*b*c` 와 ``x`y``") == "코드 a*b*c 와 x`y"


def test_formulas_stay_latex() -> None:
    assert plain("\\[ a * b * c \\]") == "\\[ a * b * c \\]"
    source = '<math><mi>x</mi><annotation encoding="application/x-tex">x_1 * y_1</annotation></math>'
    assert plain(source) == "$x_1 * y_1$"


def test_the_result_is_composed_and_has_unix_line_ends() -> None:
    assert plain(unicodedata.normalize("NFD", "합성곱\r\n신경망")) == "합성곱\n신경망"


def test_a_title_is_one_line() -> None:
    assert plain_line("**가** \n\n 나") == "가 나"


@given(st.text(alphabet="가나 ab12*_`~#>|<>[]()!$\\\n=-", max_size=120))
def test_words_are_never_lost(text: str) -> None:
    """Where nothing hides text on purpose (images, links, tags), every letter is still there, in order."""
    if not any(mark in text for mark in ("](", "][", "[[", "[^", "<", "\\", "[a", "[b", "`", "~~~")):
        letters = [letter for letter in text if letter in "가나ab"]
        assert [letter for letter in plain(text) if letter in "가나ab"] == letters
