"""The dashboard as a person meets it, in a real Chromium: opened by its printed address, by keyboard, small and dark."""

import pytest
import timelines
from thread_server import ThreadServer

from wellkeeper.recipe.watch_pages import served_pages
from wellkeeper.watch import web

TOKEN = "the-token-of-a-browser"
LOCAL = ("http://127.0.0.1:", "data:")
pytestmark = pytest.mark.browser
# the contrast of text with what lies behind it, of WCAG 2.2, computed from what the browser made of the sheet
LEAST_CONTRAST = """() => {
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (colour) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const found = parse(getComputedStyle(node).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  let worst = [99, ""];
  for (const node of document.querySelectorAll("body *")) {
    if (node.closest("svg, .unseen, .skip") || ![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
      continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < worst[0]) worst = [contrast, node.className + ": " + node.textContent.slice(0, 40)];
  }
  return worst;
}"""
UNNAMED = """() => [...document.querySelectorAll("a, button, summary, input, [tabindex='0']")]
  .filter((node) => !node.closest("svg"))
  .filter((node) => !(node.getAttribute("aria-label") || node.textContent).trim())
  .map((node) => node.outerHTML.slice(0, 80))"""


class Shown(ThreadServer):
    """A dashboard that is served by a thread, of a watch that a test may replace."""

    def __init__(self, uvicorn):
        self.timeline = timelines.alarm()
        application = web.dashboard(self.now, timelines.pairs, pages=served_pages(), token=TOKEN)
        super().__init__(uvicorn, application)
        self.printed = self.address(TOKEN)
        self.base = self.printed.partition("?")[0]

    def now(self):
        return self.timeline.to_json()


@pytest.fixture
def shown():
    found = Shown(pytest.importorskip("uvicorn"))
    yield found
    found.close()


@pytest.fixture
def tab(chromium, shown):
    """Opens a tab that notes every request that leaves the loopback and every word on its console.

    Tabs close before the server that is `shown` does, or they would complain of it.
    """
    contexts, complaints = [], []

    def open_tab(address, **options):
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith(LOCAL) or complaints.append(request.url),
        )
        page.goto(address)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert complaints == []


def home(tab, shown, **options):
    page = tab(shown.printed, **options)
    page.wait_for_url(shown.base)
    return page


def focused(page):
    """What has the keyboard: its words."""
    return page.evaluate("() => (document.activeElement.textContent || '').trim().split('\\n')[0]")


def test_the_printed_address_opens_the_watch_and_leaves_no_token_in_the_address(tab, shown):
    page = home(tab, shown)
    assert page.url == shown.base
    assert (
        page.get_by_role("heading", level=1)
        .inner_text()
        .startswith("Accuracy is worse since about 2026-05-18")
    )
    assert page.locator(".verdict").inner_text() == "\u25bc Worse"
    assert page.evaluate("document.cookie") == ""


def test_a_link_on_another_site_opens_the_watch_too(tab, shown):
    """A redirect would not: the strict cookie is left out of what another site began."""
    page = tab("data:text/html,elsewhere")
    page.evaluate("address => { location.href = address }", shown.printed)
    page.wait_for_url(shown.base)
    page.get_by_role("heading", level=1, name="Accuracy is worse").wait_for()


def test_a_person_drills_down_to_a_pair_and_comes_back(tab, shown, follow):
    page = home(tab, shown)
    follow(page.get_by_role("link", name="Week 20, 2026-05-18"))
    page.wait_for_url("**/weeks/20")
    follow(page.get_by_role("link", name="Lost, 10"))
    follow(page.get_by_role("link", name="language=de"))
    assert page.url.endswith("/weeks/20?slice=language%3Dde&show=lost")
    pair = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="refund-003"))
    assert "Order 3: a refund takes five working days." in pair.inner_text()
    assert "Order 3: refunds are not possible." in pair.inner_text()
    page.get_by_role("link", name="All weeks").click()
    page.wait_for_url(shown.base)
    page.go_back()
    assert page.url.endswith("show=lost")


def test_a_week_of_a_picture_leads_to_its_answers(tab, shown):
    page = home(tab, shown)
    page.locator("#metric-0 svg.wide a").nth(19).click()
    page.wait_for_url("**/weeks/20")


def test_everything_is_reached_by_the_keyboard_alone(tab, shown):
    page = home(tab, shown)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the report"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        words = focused(page)
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        if words.startswith("Week 26"):
            break
        assert outline == "solid", words
        stops.append(words)
    assert stops[:3] == ["At a glance", "Accuracy", "Diversity"]
    assert sum(stop.startswith("Week") for stop in stops) == 0  # the trail of weeks is one stop
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    assert focused(page).startswith("Week 20")
    page.keyboard.press("Home")
    assert focused(page).startswith("Week 1,")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("Week 26")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url("**/weeks/25")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/weeks/26")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/weeks/25")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["", "weeks/20"])
def test_all_words_can_be_read_in_both_schemes(tab, shown, scheme, place):
    page = home(tab, shown, color_scheme=scheme)
    page.goto(shown.base + place)
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(250, 249, 246)", "dark": "rgb(19, 22, 25)"}[scheme]
    contrast, where = page.evaluate(LEAST_CONTRAST)
    assert contrast >= 4.5, where
    assert page.evaluate(UNNAMED) == []


@pytest.mark.parametrize("width", [320, 420, 760])
@pytest.mark.parametrize("watched", ["alarm", "hostile", "no_weeks"])
def test_a_narrow_window_never_scrolls_sideways(tab, shown, width, watched):
    shown.timeline = getattr(timelines, watched)()
    page = home(tab, shown, viewport={"width": width, "height": 800})
    for place in ("", "weeks/1"):
        if place and not shown.timeline.weeks:
            continue
        page.goto(shown.base + place)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_works_without_scripts(tab, shown, follow):
    page = tab(shown.printed, java_script_enabled=False)
    page.wait_for_url(shown.base)
    follow(page.get_by_role("link", name="Week 20, 2026-05-18"))
    follow(page.get_by_role("link", name="Gained, 10"))
    assert page.url.endswith("/weeks/20?show=gained")
    assert page.get_by_role("heading", name="refund-001").is_visible()


def test_a_watch_that_grew_is_shown_to_who_does_nothing_and_offered_to_who_reads(tab, shown):
    page = home(tab, shown)
    shown.timeline = timelines.calm()
    page.get_by_text("The figures in a table, 3 metrics").click()
    page.evaluate("look()")
    page.get_by_role("link", name="The watch has grown: show it").click()
    page.get_by_role("heading", level=1, name="No alarm in 26 weeks.").wait_for()
    page.wait_for_load_state()  # what looks is there only then
    shown.timeline = timelines.alarm()
    with page.expect_navigation():
        page.evaluate("look()")
    page.get_by_role("heading", level=1, name="Accuracy is worse").wait_for()


def test_a_hostile_watch_runs_nothing(tab, shown):
    shown.timeline = timelines.hostile()
    page = home(tab, shown)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(shown.base + "weeks/6")
    assert page.get_by_role("heading", level=1).inner_text().startswith("Week 6")
