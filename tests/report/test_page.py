"""The page: valid, self-contained, safe against what it shows, and whole whatever the document lacks."""

import copy
import itertools
import re
from html.parser import HTMLParser

import pytest
from comparison_samples import HOSTILE_COMPARISON, UNDECIDED, WORSE
from golden_files import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html
from samples import CURATION, EMPTY, EVIL, HOSTILE, HOSTILE_CURATION, RICH

from wellkeeper.report import render_html
from wellkeeper.report.compare import render_comparison
from wellkeeper.report.sections.mix import mix_blocks

PAGES = {
    "rich": render_html(RICH, title="data/"),
    "curation": render_html(RICH, curation=CURATION, title="finetune"),
    "empty": render_html(EMPTY, title="three.jsonl"),
    "nothing": render_html({}, curation={}, title="nothing"),
    "hostile": render_html(HOSTILE, curation=HOSTILE_CURATION, title=EVIL),
    "comparison": render_comparison(WORSE),
    "undecided comparison": render_comparison(UNDECIDED),
    "hostile comparison": render_comparison(HOSTILE_COMPARISON),
    "no comparison": render_comparison({}),
}
VOID = {"meta", "link", "br", "hr", "img", "input", "line", "rect", "circle", "path", "polyline", "polygon"}
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())


class Strict(HTMLParser):
    """Collects what matters and fails on a tag that closes what is not open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        self.shown.append(data)

    @property
    def text(self) -> str:
        return "".join(self.shown)


def parsed(page: str) -> Strict:
    parser = Strict()
    parser.feed(page)
    parser.close()
    assert not parser.open
    return parser


@every_page
def test_every_element_is_closed_and_every_id_is_unique(page):
    tags = parsed(page).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert lxml_html.document_fromstring(page).get("lang") == "en"


@every_page
def test_links_and_labels_point_to_what_exists(page):
    tags = parsed(page).tags
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    for _, attributes in tags:
        if "href" in attributes:
            assert attributes["href"][:1] == "#"
            assert attributes["href"][1:] in ids
        assert set((attributes.get("aria-labelledby") or "").split()) <= ids


@every_page
def test_nothing_is_loaded_and_nothing_runs(page):
    for tag, attributes in parsed(page).tags:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
        assert not {"src", "srcset", "action", "xlink:href"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    sheet = page[page.index("<style>") : page.index("</style>")]
    assert "http" not in sheet
    assert not re.findall(r'="[^"]*https?:', page)


@every_page
def test_headings_start_at_one_and_never_skip_a_level(page):
    levels = [int(tag[1]) for tag, _ in parsed(page).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in itertools.pairwise(levels))


@every_page
def test_every_picture_has_a_title_a_description_and_its_data_beneath(page):
    tree = lxml_html.document_fromstring(page)
    pictures = tree.xpath("//svg")
    for picture in pictures:
        assert picture.get("role") == "img"
        assert [child.tag for child in picture][:2] == ["title", "desc"]
        assert all(child.text_content().strip() for child in list(picture)[:2])
        rows = picture.xpath("ancestor::figure//details//tbody/tr")
        assert rows
    assert len(pictures) % 2 == 0  # each wide and compact


@every_page
def test_the_page_stays_below_200_kilobytes(page):
    assert len(page.encode("utf-8")) < 200_000


@every_page
def test_what_is_hidden_is_written_out(page):
    assert not re.findall("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]", page)


def test_hostile_text_is_shown_and_never_acts():
    page = PAGES["hostile"]
    text = parsed(page).text
    assert "<script>alert(1)</script>" in text
    assert "{{ 7*7 }}" in text
    assert "[U+202E]evil[U+202C]" in text
    assert "[U+200B x5]" in text
    assert "[U+D800]" in text
    assert page.count("<style>") == page.count("</style>") == 1


def test_the_same_document_gives_the_same_bytes_and_is_left_as_it_was():
    before = copy.deepcopy(RICH)
    assert render_html(RICH, title="data/") == PAGES["rich"]
    assert before == RICH


def test_the_order_of_keys_does_not_matter():
    backwards = dict(reversed(RICH.items()))
    backwards["origin"] = dict(reversed(RICH["origin"].items()))
    backwards["origin"]["declared"] = dict(reversed(RICH["origin"]["declared"].items()))
    assert render_html(backwards, title="data/") == PAGES["rich"]


def test_the_headline_says_the_verdict_and_findings_come_first():
    tree = lxml_html.document_fromstring(PAGES["rich"])
    assert (
        tree.xpath("string(//h1)")
        == "Not ready to train on: 1 error and 2 warnings in 48\u202f210 documents."
    )
    sections = [section.get("id") for section in tree.xpath("//section")]
    assert sections == [
        "findings",
        "origin",
        "sources",
        "duplicates",
        "tails",
        "quality",
        "rights",
        "quarantine",
        "recipe",
        "method",
    ]
    assert tree.xpath("//li[contains(@class, 'card')]/span[2]/text()") == ["WK101", "WK201", "WK301", "WK501"]


def test_a_curation_starts_with_its_flow():
    tree = lxml_html.document_fromstring(PAGES["curation"])
    assert tree.xpath("//section/@id")[:2] == ["flow", "constraints"]
    assert "1 of 3 constraints does not hold: human floor." in tree.xpath("string(//h1)")
    holds = [cell.text_content() for cell in tree.xpath("//section[@id='constraints']//tbody/tr/td[5]")]
    assert holds == ["\u2713 holds", "\u2717 does not hold", "\u2713 holds"]


def test_a_mix_says_what_shaped_it_and_whom_its_figures_are_of():
    (table, facts) = mix_blocks({
        "constraints": [
            {"name": "cap-source", "group": "forum", "limit": 0.4, "before": 0.6, "after": 0.4, "holds": True},
            {"name": "size", "group": None, "limit": 12_000, "before": 50_000.0, "after": 12_000.0, "holds": True},
        ],
        "facts": {
            "binds": ["cap-source", "size"], "divergence": 0.0123, "copies": {"drawn": 9, "kept": 12, "level": 1.3333},
            "tail": {"topics": 20, "held": 18, "kept": 18, "exhausted": 2},
        },
    })  # fmt: skip
    assert table.head[-1] == "Nearest to its limit"
    assert [[*line[:4], line[5]] for line in table.rows] == [
        ["cap-source", "40.0%", "60.0%", "40.0%", "forum"], ["size", "12\u202f000", "50\u202f000", "12\u202f000", ""]
    ]  # fmt: skip
    assert facts.rows == [
        ("What shaped it", "cap-source, size"),
        ("Composition, from the target's", "0.0123 nats (Kullback-Leibler)"),
        ("Repeats that the size needs", "up to 1.33 times a document"),
        ("Tail of the reference", "20 rare topics: the data hold 18, the mix 18, and 2 whole"),
    ]


def test_no_figure_stands_without_its_interval_or_baseline():
    tree = lxml_html.document_fromstring(PAGES["rich"])
    beneath = [item.text_content() for item in tree.xpath("//dl[@class='glance']//dd[@class='beneath']")]
    assert len(beneath) == 6
    assert all(beneath)
    assert "15.1-22.3% at 95%" in beneath
    assert "43.1-44.6%; human against human: 55.3%" in beneath


def test_a_share_that_is_not_identified_is_said_and_drawn_so():
    text = parsed(PAGES["empty"]).text
    assert "not identified (0-100%)" in text
    assert "Not judged here: the AI-made share (not identified from the evidence at hand)" in text
    assert '<li class="range unsure">' in PAGES["empty"]


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("findings", "No finding."),
        ("origin", "No share by source was estimated."),
        ("sources", "The document lists no source."),
        ("tails", "The tails were not measured. 3 documents are too few; 200 are needed."),
        ("quality", "Quality rules were not measured."),
        ("quarantine", "Every record became a document: nothing is in quarantine."),
        ("recipe", "No recipe is proposed."),
    ],
)
def test_a_section_without_data_says_so_in_a_sentence(section, says):
    tree = lxml_html.document_fromstring(PAGES["empty"])
    assert says in tree.xpath(f"string(//section[@id='{section}'])")


def test_a_near_copy_shows_what_changed_and_an_exact_one_says_the_same():
    tree = lxml_html.document_fromstring(PAGES["rich"])
    clusters = tree.xpath("//li[@class='cluster']")
    assert [node.text_content() for node in clusters[0].xpath(".//ins")] == ["shortly", "6 pm,", "Quote: "]
    assert "a little" in [node.text_content() for node in clusters[0].xpath(".//del")]
    assert "and 212 more copies" in clusters[1].text_content()
    assert "the same text as the survivor" in clusters[1].text_content()


def test_the_recipe_can_be_copied_as_it_is():
    tree = lxml_html.document_fromstring(PAGES["rich"])
    assert tree.xpath("string(//pre/code)") == RICH["proposed_recipe"]


def test_a_step_named_mix_is_not_drawn_twice():
    curation = copy.deepcopy(CURATION)
    curation["steps"].append(
        {"step": "mix", "title": "mix", "before": 37_341, "dropped": 6_137, "review": 0, "reasons": []}
    )
    tree = lxml_html.document_fromstring(render_html(RICH, curation=curation, title="x"))
    stages = tree.xpath("//section[@id='flow']//details//tbody/tr/td[1]")
    assert [cell.text_content() for cell in stages].count("Mix") == 1


def test_a_huge_document_is_cut_and_the_page_says_where():
    audit = copy.deepcopy(RICH)
    audit["findings"] *= 500
    audit["quality"] = [{**row, "rule": f"rule {n}"} for n in range(500) for row in audit["quality"][:1]]
    audit["inputs"]["sources"] = [
        {"name": f"source {n:04d} " + "x" * 400, "documents": n} for n in range(3000)
    ]
    audit["origin"]["by_source"] = [
        {"source": f"s{n}" * 99, "documents": n, "estimate": 0.1, "low": 0, "high": 1} for n in range(3000)
    ]
    audit["origin"]["by_month"] = [
        {"month": f"{1990 + n // 12}-{n % 12 + 1:02d}", "documents": n, "estimate": 0.1, "low": 0, "high": 1}
        for n in range(430)
    ]
    audit["origin"]["examples"] *= 100
    audit["duplicates"]["examples"] = [copy.deepcopy(row) for row in audit["duplicates"]["examples"] * 50]
    for cluster in audit["duplicates"]["examples"]:
        cluster["survivor"]["excerpt"] *= 100
        cluster["removed"] = cluster["removed"] * 50
    audit["tails"]["curve"] *= 100
    curation = copy.deepcopy(CURATION)
    curation["steps"] = [{**step, "reasons": step["reasons"] * 100} for step in curation["steps"] * 4]
    curation["sources"] = [{"source": f"s{n}" * 99, "before": n, "after": n} for n in range(3000)]
    curation["months"] = [
        {"month": row["month"], "before": 3, "after": 2} for row in audit["origin"]["by_month"]
    ]
    page = render_html(audit, curation=curation, title="x" * 10_000)
    assert len(page.encode()) < 220_000
    assert "1\u202f976 more findings left off here; the JSON document beside this page has all." in page


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from(["", "x", "2024-13", "9999-12", "<b>", "\u202e", "0001-01"]),
    st.just([]),
    st.just({}),
    st.just([None, 3, "x", [], {}]),
)


def spoiled(document, draw, chance):
    """The document with values dropped or replaced by junk here and there, at any depth."""
    if draw(st.integers(0, chance)) == 0:
        return draw(JUNK)
    if isinstance(document, dict):
        kept = {key: spoiled(value, draw, chance) for key, value in document.items()}
        return {key: value for key, value in kept.items() if draw(st.integers(0, chance)) != 0}
    if isinstance(document, list):
        return [spoiled(value, draw, chance) for value in document[:3]]
    return document


@given(st.data())
def test_no_document_however_broken_breaks_the_page(data):
    chance = data.draw(st.sampled_from([4, 15, 60]))
    audit, curation = (spoiled(document, data.draw, chance) for document in (RICH, CURATION))
    page = render_html(
        audit if isinstance(audit, dict) else {},
        curation=curation if isinstance(curation, dict) else {},
        title="spoiled",
    )
    tags = parsed(page).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower().replace("finan", "")


@pytest.mark.parametrize("name", ["rich", "empty"])
def test_the_page_of_an_audit_is_as_it_was_looked_at(name):
    assert_golden(f"{name}.html", PAGES[name])


def test_the_page_of_a_curation_is_as_it_was_looked_at():
    assert_golden("curation.html", render_html(EMPTY, curation=CURATION, title="finetune"))


def test_a_mix_says_which_caps_limit_nothing_and_that_quotas_had_no_room():
    blocks = mix_blocks({
        "before": 100,
        "constraints": [
            {"name": "cap-domain", "group": None, "limit": 0.2, "before": 0.0, "after": 0.0, "holds": True},
            {"name": "cap-source", "group": "forum", "limit": 0.2, "before": 0.0, "after": 0.0, "holds": True},
        ],
        "facts": {"tail": {"topics": 20, "held": 18, "kept": 3, "exhausted": 0, "rounded_down": True}},
    })  # fmt: skip
    assert [block.text for block in blocks if block.kind == "prose"] == [
        "There is no room for all tail quotas, so they were rounded down; a larger mix keeps them.",
        "cap-domain limits nothing: no document has a known domain.",
    ]
