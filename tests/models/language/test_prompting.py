from models.language.prompting import CONCEPT, EXAMPLES, STEPS, chain_of_thought, demo, few_shot, prompts, zero_shot

QUESTION = "입력 4, 출력 5인 선형층의 파라미터는?"


def test_a_zero_shot_prompt_has_no_example():
    assert QUESTION in zero_shot(QUESTION)
    assert EXAMPLES[0][0] not in zero_shot(QUESTION)


def test_a_few_shot_prompt_has_as_many_examples_as_asked_for_in_one_format():
    prompt = few_shot(QUESTION, 3)
    assert prompt.count("질문:") == prompt.count("답:") == 4
    assert prompt.endswith(f"질문: {QUESTION}\n답:")


def test_without_examples_few_shot_is_zero_shot():
    assert few_shot(QUESTION, 0) == zero_shot(QUESTION)


def test_a_chain_of_thought_asks_for_the_way_before_the_answer():
    prompt = chain_of_thought(QUESTION, 1)
    assert STEPS in prompt
    assert prompt.index("풀이:") < prompt.index("답: 8개")
    assert prompt.endswith("풀이: 차근차근 생각해 보자.")


def test_the_worked_examples_are_right():
    assert [answer for _, answer, _ in EXAMPLES] == [
        f"{3 * 2 + 2}개",
        f"{320 // 32}번",
        f"{28 - 5 + 1}",
        f"{1000 * 16:,}개",
    ]


def test_more_examples_cost_more_tokens():
    assert demo(shots=1).numbers["퓨샷 토큰 수"] < demo(shots=4).numbers["퓨샷 토큰 수"]


def test_the_running_systems_prompts_are_shown_as_they_are():
    live = {key: f"{key} <system>\n{QUESTION}" for key in prompts(QUESTION, 1)}
    cells = CONCEPT.run(live=live).figure.data[0].cells["values"]
    first, *rest = cells[1][0].split("<br>")
    assert first == "few_shot &lt;system&gt;" and " ".join(rest) == QUESTION
