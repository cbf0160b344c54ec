"""The chat: what it writes into the page, and the page in a real browser where one is installed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api import create_app
from app.indexing import Job
from app.keys import KeyFile
from app.settings import corpus_notes, load_settings
from app.types import Answer
from app.ui.chat import Asked, messages
from app.ui.examples import example_questions
from app.ui.panels import citations_html, note_html, passages_html, progress_html
from app.ui.text import chat_markdown, escaped
from indexer.build import StoredNote
from tests.app.doors import EVIL, FakeAnswerer, built, serving, settings_in

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no browser: chromium and chromedriver are not installed"
)
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,1000",
]


def test_no_markup_of_a_note_is_left_in_html() -> None:
    assert "<" not in escaped(EVIL)
    assert not set("{}$`") & set(escaped("${a}{{b}}`c`"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("답이다. [1]", "답이다. [[1]](#cite-3-1)"),
        ("없는 번호 [9]", "없는 번호 [9]"),
        ("`x[1]`와 [1]", "`x[1]`와 [[1]](#cite-3-1)"),
        ("```python\nx = a[1] < b\n```\n[1]", "```python\nx = a[1] < b\n```\n[[1]](#cite-3-1)"),
        ("$a<b$이고 a<b", "$a<b$이고 a&lt;b"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("![그림](http://evil.example/x.png)", "[그림](http://evil.example/x.png)"),
        ("[누르기](javascript:alert(1))", "[누르기])"),
        ("3 < 4 그리고 5 > 2", "3 < 4 그리고 5 > 2"),
    ],
)
def test_an_answer_is_markdown_without_html_and_with_links_to_its_citations(text: str, shown: str) -> None:
    assert chat_markdown(text, 3, {1}) == shown


def test_a_note_shows_its_lines_with_the_cited_ones_marked() -> None:
    shown = note_html(StoredNote("가.md", "", "하나\r\n<b>둘</b>\n셋\n"), 2, 3)
    assert '<li value="1">하나</li>' in shown
    assert '<li value="2" class="hit">&lt;b&gt;둘&lt;/b&gt;</li>' in shown
    assert '<li value="3" class="hit">셋</li>' in shown


def test_citations_and_passages_open_their_note_and_show_every_leg(tmp_path: Path) -> None:
    row = FakeAnswerer(settings_in(tmp_path)).row("q")
    assert 'data-ref="cite-2-1"' in citations_html(row, 2)
    shown = passages_html(row.retrieved, 2)
    assert 'data-ref="passage-2-1"' in shown
    assert "키워드 0.50" in shown
    assert "벡터 0.25" in shown
    assert "<script" not in shown + citations_html(row, 2)


def refusal() -> Answer:
    """An answer that says that the notes do not say."""
    return Answer(
        "", "q", "노트에 없습니다.\n\n가까운 내용:\n- 드롭아웃", False, "노트에 없습니다.", (), (), (), "m", "g", {}
    )


def test_a_refusal_says_so_with_what_is_near() -> None:
    shown = messages([Asked("q", refusal())])[-1]["content"]
    assert shown.startswith("**노트에서 답을 찾지 못했습니다.**")
    assert "- 드롭아웃" in shown


def test_thoughts_are_folded_and_not_in_the_answer(tmp_path: Path) -> None:
    row = FakeAnswerer(settings_in(tmp_path), thoughts="음…").row("q")
    shown = messages([Asked("q", row)])
    assert shown[1]["metadata"]["title"] == "생각 과정"
    assert "음…" not in shown[2]["content"]


def test_example_questions_come_from_the_notes_that_ship_and_from_nowhere_else(tmp_path: Path) -> None:
    assert example_questions(settings_in(tmp_path)) == []
    found = example_questions(load_settings(notes=corpus_notes()))
    assert len(found) <= 6
    assert len(set(found)) == len(found)


def test_progress_shows_each_stage() -> None:
    shown = progress_html(Job("1", "노트", False, {"read": (3, 3), "embed": (1, 4)}))
    assert "벡터 만들기 1/4" in shown
    assert '<progress max="4" value="1">' in shown


def test_the_page_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    app = create_app(settings, answerer=FakeAnswerer(settings))  # type: ignore[arg-type]
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        page = client.get("/")
        assert "connect-src 'self'" in page.headers["content-security-policy"]
        config = client.get("/config").json()
        assert config["analytics_enabled"] is False
        theme = client.get("/theme.css").text
        assert "fonts.googleapis" not in theme + page.text.partition("<body")[0].replace("og:", "")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser without a window."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def until(seen: Callable[[], Any], seconds: float = 60) -> Any:
    """What ``seen`` returns as soon as it is something."""
    from selenium.common.exceptions import WebDriverException

    end = time.monotonic() + seconds
    while True:
        try:
            found = seen()
        except WebDriverException:
            found = None
        if found or time.monotonic() > end:
            assert found
            return found
        time.sleep(0.2)


def ask(browser: Any, question: str) -> None:
    """Type a question and press Enter."""
    box = until(lambda: browser.find_element("css selector", "#ask textarea"))
    time.sleep(0.5)  # the page's listeners are attached just after its fields
    box.send_keys(question + "\n")


def open_tab(browser: Any, name: str) -> None:
    """Press a tab."""
    tabs = browser.find_elements("css selector", "button[role=tab]")
    next(tab for tab in tabs if tab.text == name).click()


@needs_browser
def test_a_reader_asks_reads_the_cited_lines_and_runs_the_concept(browser: Any, tmp_path: Path) -> None:
    with serving(create_app(built(tmp_path))) as address:
        browser.get(address)
        browser.get_log("performance")
        ask(browser, "드롭아웃이 무엇인가요?")
        mark = until(lambda: browser.find_element("css selector", '#chat a[href="#cite-0-1"]'))
        until(lambda: browser.find_element("css selector", ".js-plotly-plot"))  # the best demo opens by itself
        assert "드롭아웃" in browser.find_element("css selector", "#chips").text
        mark.click()
        hit = until(lambda: [e for e in browser.find_elements("css selector", "#note li.hit") if e.is_displayed()])
        assert "드롭아웃" in hit[0].text
        assert len(browser.window_handles) == 1
        open_tab(browser, "찾은 구절")
        until(lambda: browser.find_element("css selector", "#passages .legs").is_displayed())
        open_tab(browser, "개념 실험실")
        until(lambda: browser.find_element("css selector", '[data-ref="lab-conv1d"]').is_displayed())
        browser.find_element("css selector", '[data-ref="lab-conv1d"]').click()
        until(lambda: [e for e in browser.find_elements("css selector", ".js-plotly-plot") if e.is_displayed()])
        open_tab(browser, "색인")
        until(lambda: "노트 4개" in browser.find_element("css selector", "#index-status").text)
        browser.find_element("css selector", "#build").click()
        until(lambda: "건너뜀 1" in browser.find_element("css selector", "#index-progress").text)
        until(lambda: "empty.md" in browser.find_element("css selector", "body").text)
        assert elsewhere(browser, address) == []


def elsewhere(browser: Any, address: str) -> list[str]:
    """What the page asked of other hosts."""
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith((address, "data:", "blob:"))]


@needs_browser
def test_nothing_that_a_note_says_runs_in_the_page(browser: Any, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    fake = FakeAnswerer(settings, answer=f"{EVIL}\n\n[누르기](javascript:window.ran=1) [1]", thoughts=EVIL)
    with serving(create_app(settings, answerer=fake)) as address:  # type: ignore[arg-type]
        browser.get(address)
        browser.get_log("performance")
        ask(browser, "q <img src=x onerror='window.ran=1'>")
        until(lambda: browser.find_element("css selector", '#chat a[href="#cite-0-1"]')).click()
        until(lambda: browser.find_element("css selector", "#note li.hit").is_displayed())
        assert "<script>" in browser.find_element("css selector", "#note li.hit").text  # shown, not run
        assert "${window.ran=1}{{constructor}}" in browser.find_element("css selector", "#note li.hit").text
        open_tab(browser, "찾은 구절")
        until(lambda: browser.find_element("css selector", "#passages .cite").is_displayed())
        assert browser.execute_script("return window.ran === undefined")
        assert browser.execute_script("return document.querySelectorAll('#chat img[src=x], #note script').length") == 0
        assert elsewhere(browser, address) == []


@needs_browser
def test_an_answer_stops_when_its_tab_is_closed(browser: Any, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    fake = FakeAnswerer(settings, endless=True)
    with serving(create_app(settings, answerer=fake)) as address:  # type: ignore[arg-type]
        browser.get(address)
        ask(browser, "q")
        assert fake.begun.wait(30)
        browser.get("about:blank")
        assert fake.closed.wait(30)


@needs_browser
def test_an_example_is_asked_by_pressing_it(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ui.chat.example_questions", lambda settings: ["예시 질문인가요?"])
    settings = settings_in(tmp_path)
    with serving(create_app(settings, answerer=FakeAnswerer(settings))) as address:  # type: ignore[arg-type]
        browser.get(address)
        until(lambda: browser.find_element("css selector", "#chat button.example"))
        time.sleep(0.5)
        browser.find_element("css selector", "#chat button.example").click()
        until(lambda: browser.find_element("css selector", '#chat a[href="#cite-0-1"]'))
        assert "예시 질문인가요?" in browser.find_element("css selector", "#chat").text


@needs_browser
def test_the_stop_button_ends_an_answer(browser: Any, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    fake = FakeAnswerer(settings, endless=True)
    with serving(create_app(settings, answerer=fake)) as address:  # type: ignore[arg-type]
        browser.get(address)
        ask(browser, "q")
        assert fake.begun.wait(30)
        browser.find_element("css selector", "#stop").click()
        assert fake.closed.wait(30)
        browser.get("about:blank")


@needs_browser
def test_with_a_key_to_read_one_asks_but_does_not_index(browser: Any, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, require_key=True)
    key = KeyFile(settings.keys).add("나", "read")
    with serving(create_app(settings, answerer=FakeAnswerer(settings))) as address:  # type: ignore[arg-type]
        browser.get(address)
        until(lambda: browser.find_element("css selector", "#key")).send_keys(key + "\n")
        ask(browser, "q")
        until(lambda: browser.find_element("css selector", '#chat a[href="#cite-0-1"]'))
        open_tab(browser, "색인")
        until(lambda: browser.find_element("css selector", "#build").is_displayed())
        browser.find_element("css selector", "#build").click()
        until(lambda: "index 권한" in browser.find_element("css selector", "#index-progress").text)
        browser.delete_all_cookies()
