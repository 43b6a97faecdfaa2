"""Every page in a real browser."""

from tests.browser.conftest import Visit
from timecredits import errors

CODES = sorted(errors.problems().keys() - {"domain_error"})


def test_the_front_page_leads_to_the_others(visit: Visit) -> None:
    page = visit.open("/")
    for name, path in (("The API", "/docs"), ("problems", "/problems")):
        page.get_by_role("link", name=name).first.click()
        page.wait_for_url(f"**{path}")
        page.go_back()
    assert visit.complaints == []


def test_the_api_can_be_read_and_tried_without_another_host(visit: Visit) -> None:
    page = visit.open("/docs")
    page.wait_for_load_state("networkidle")
    page.get_by_text("/v1/redemptions/quote").wait_for()
    assert page.locator(".opblock").count() > 40
    assert visit.complaints == []
    assert [url for url in visit.foreign if not url.startswith("data:")] == []


def test_a_try_on_the_page_reaches_the_service(visit: Visit) -> None:
    page = visit.open("/docs")
    page.locator("#operations-me-read_me .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.locator(".responses-table.live-responses-table .response-col_status", has_text="401").wait_for()


def test_each_problem_is_explained_and_fits_a_small_phone(visit: Visit) -> None:
    for code in CODES:
        page = visit.open(f"/problems/{code}")
        assert page.locator("html").get_attribute("lang") == "en", code
        assert page.locator("h1").count() == 1, code
        assert code in page.locator("body").inner_text()
        assert "{" not in page.locator("main").inner_text(), code
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), code
    assert visit.complaints == []


def test_a_keyboard_reaches_every_link(visit: Visit) -> None:
    page = visit.open("/problems")
    links = page.locator("a").count()
    reached = set()
    for _ in range(links):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.href"))
    assert len(reached) == links >= len(CODES)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
