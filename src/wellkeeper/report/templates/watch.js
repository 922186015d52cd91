// Two conveniences. Everything on the page works without them.
"use strict";

// Arrow keys walk along a trail of weeks, which is then one stop of the Tab key; on a week's page, to its neighbours.
for (const trail of document.querySelectorAll(".trail ol")) {
  const steps = [...trail.querySelectorAll("a")];
  const stop = (chosen) => steps.forEach((step) => (step.tabIndex = step === chosen ? 0 : -1));
  stop(steps.at(-1));
  trail.addEventListener("focusin", (event) => stop(event.target));
  trail.addEventListener("keydown", (event) => {
    const at = steps.indexOf(event.target);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 }[event.key];
    if (at < 0 || to === undefined || !steps[to] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    steps[to].focus();
  });
}

document.addEventListener("keydown", (event) => {
  const relation = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const isFree = event.target === document.body || event.target.closest(".crumbs");
  if (!relation || !isFree || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  document.querySelector(`.crumbs a[rel=${relation}]`)?.click();
});

// A grown watch is shown at once to who does nothing here, and offered to who is reading.
const mark = document.querySelector("meta[name=watch-mark]")?.content;
const news = document.querySelector(".news");

function offer() {
  if (news.childElementCount) return;
  const link = document.createElement("a");
  link.href = location.href.split("#")[0];
  link.textContent = "The watch has grown: show it";
  news.replaceChildren(link);
}

async function look() {
  try {
    const answer = await fetch("/timeline.json", { method: "HEAD", cache: "no-store" });
    if (!answer.ok || answer.headers.get("etag") === mark) return;
    const isIdle = document.activeElement === document.body && !document.querySelector("details[open]");
    if (isIdle) location.reload();
    else offer();
  } catch {
    news.textContent = "The server has stopped. What is shown here stays.";
  }
}

if (mark && news) setInterval(look, 20_000);
