// Keys, the next item at once, and no answer lost. Everything on the page works without this.
"use strict";

const STORE = "wellkeeper-unsaved", GUARD = 250, SLOWEST = 15_000, LOOK = 30_000, OUTLIVES = 60_000;
const $ = (id) => document.getElementById(id);
const form = () => $("answers");
const ticket = () => form()?.elements.ticket.value ?? "";
const parsed = (html) => new DOMParser().parseFromString(html, "text/html");
const refused = [];
let unsent = JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
let ahead = null, isSending = false, isStale = false, wantsUndo = false, wait = 0, timer = 0, guard = 0;

// The time that an item counts is the time that its page is seen.
let spent = 0, since = null;
function watch() {
  if (since !== null) spent += performance.now() - since;
  since = document.visibilityState === "visible" ? performance.now() : null;
}

function say(words) { $("said").textContent = words; }

function tell(words, link) {
  const box = $("unsaved");
  box.replaceChildren(words);
  if (!link) return;
  const anchor = document.createElement("a");
  anchor.href = "/";
  anchor.textContent = link;
  box.append(" ", anchor);
}

function keep() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(unsent));
  } catch { /* no room: it is sent all the same, while this page is open */ }
}

// A second press of a key is no answer to what has just come up.
function begin() {
  [spent, since] = [0, null];
  watch();
  document.body.dataset.state = "wait";
  clearTimeout(guard);
  guard = setTimeout(() => (document.body.dataset.state = "ready"), GUARD);
}

function show(nodes) {
  $("main").replaceChildren(...nodes);
  scrollTo(0, 0);
  ($("item") ?? $("main")).focus({ preventScroll: true });
  begin();
}

async function load() {
  ahead = null;
  const answer = await fetch("/", { headers: { accept: "text/html" } });
  const page = parsed(await answer.text());
  if (!answer.ok || !page.getElementById("main")) return location.assign("/");
  for (const id of ["strip", "standing"]) $(id).replaceChildren(...page.getElementById(id).childNodes);
  $("main").className = page.getElementById("main").className;
  document.title = page.title;
  show(page.getElementById("main").childNodes);
  isStale = false;
}

async function preload() {
  const asked = ticket();
  if (!asked) return;
  try {
    const answer = await fetch(`/next.json?${new URLSearchParams({ ticket: asked })}`);
    const found = answer.ok ? await answer.json() : null;
    if (found?.ticket && asked === ticket()) ahead = found;
  } catch { /* then the next item is asked for when it is wanted */ }
}

function told(reply) {
  $("strip").replaceChildren(...parsed(reply.strip).body.childNodes);
  $("standing").replaceChildren(...parsed(reply.standing.html).body.childNodes);
}

// One at a time and in order; each is asked again until there is an answer to it. What is pressed meanwhile is sent too.
async function send() {
  if (isSending) return;
  isSending = true;
  clearTimeout(timer);
  try {
    do await drain();
    while (unsent.length);
  } catch (error) {
    wait = Math.min(SLOWEST, (wait || 500) * 2);
    const what = unsent.length ? `Not saved yet: ${unsent.map((one) => one.says).join(", ")}.` : "The server does not answer.";
    tell(`${what} ${error instanceof TypeError ? "" : `${error.message} `}Trying again in ${wait / 1000} s.`);
    timer = setTimeout(send, wait);
  }
  isSending = false;
  if (wantsUndo && !unsent.length) undo();
}

async function drain() {
  let reply = null;
  while (unsent.length) {
    const { to, body, says } = unsent[0];
    const headers = { accept: "application/json" };
    const sent = new URLSearchParams(body);
    // what outlives the page has 64 KiB at most: https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
    const keepalive = String(sent).length < OUTLIVES;
    const answer = await fetch(to, { method: "POST", headers, body: sent, keepalive });
    const found = await answer.json().catch(() => null);
    // whatever else may listen there by now: an answer is saved when the review itself says so
    const isOurs = found?.schema?.startsWith("wellkeeper.review-");
    if (!isOurs || answer.status >= 500) throw new Error(found?.said ?? "The review does not let this page in: open your own address again.");
    unsent.shift();
    keep();
    if (answer.ok) reply = found;
    else isStale = true;
    if (to !== "/answer") continue;
    if (answer.ok) say(`Saved: ${says}.`);
    else refused.push(`${says}. ${found.said}${body.note ? ` Your note: ${body.note}` : ""}`);
  }
  if (reply) told(reply);
  isStale ||= reply !== null && reply.next !== ticket();
  if (isStale) await load();
  if (refused.length) tell(`Not saved: ${refused.join(" ")}`, "Go on");
  else $("unsaved").replaceChildren();
  wait = 0;
  if (!ahead) await preload();
}

function act(to, says, label) {
  if (document.body.dataset.state !== "ready" || !form() || form().ariaBusy) return;
  watch();
  const fields = form().elements;
  const body = to === "/skip" ? { ticket: ticket() }
    : { ticket: ticket(), label, note: fields.note.value, seconds: (spent / 1000).toFixed(3) };
  unsent.push({ to, body, says });
  keep();
  const next = ahead;
  ahead = null;
  if (next) show(parsed(next.html).body.childNodes);
  else [form().ariaBusy, isStale] = ["true", true];
  send();
}

function undo() {
  wantsUndo = isSending || unsent.length > 0;
  if (unsent.at(-1)?.to === "/answer") say("It is taken back as soon as it is saved.");
  const last = document.querySelector("[data-does=undo]")?.form.elements.ticket.value;
  if (wantsUndo || !last) return;
  ahead = null;
  if (form()) form().ariaBusy = "true";
  unsent.push({ to: "/undo", body: { ticket: last }, says: "undo" });
  keep();
  say("Taken back. The item is shown again.");
  send();
}

document.addEventListener("submit", (event) => {
  const pressed = event.submitter;
  if (event.target.method === "dialog" || !pressed) return;
  event.preventDefault();
  if (pressed.dataset.does === "undo") undo();
  else if (pressed.dataset.does === "skip") act("/skip", "skip");
  else act("/answer", pressed.querySelector("span").textContent, pressed.value);
});

document.addEventListener("click", (event) => {
  const dialog = $(event.target.closest("[data-opens]")?.dataset.opens);
  if (event.target.matches("dialog")) event.target.close(); // beside it
  if (!dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  dialog.showModal();
});

// What a key writes; where that is no Latin letter or digit, what it would write elsewhere at this place.
function keyOf({ key, code, shiftKey }) {
  if (key.length > 1) return key;
  const place = shiftKey || /[a-z0-9]/i.test(key) ? "" : /^(?:Key|Digit)(.)$/.exec(code)?.[1];
  return (place || key).toLowerCase();
}

const KEYS = {
  s: () => document.querySelector("[data-does=skip]")?.click(),
  u: undo,
  n: () => { $("note").open = true; form().elements.note.focus({ preventScroll: true }); },
  j: () => scrollBy({ top: innerHeight * 0.7 }),
  k: () => scrollBy({ top: -innerHeight * 0.7 }),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const at = event.target, key = keyOf(event);
  if (at.closest("textarea, input")) {
    if (key === "Escape") {
      $("note").open = at.value !== "";
      $("item").focus({ preventScroll: true });
    }
    return;
  }
  const dialog = { g: $("guidelines"), "?": $("help") }[key], open = document.querySelector("dialog[open]");
  if (dialog && !event.repeat) {
    event.preventDefault();
    open?.close();
    if (open !== dialog) dialog.showModal();
  }
  if (dialog || open) return;
  const isScroll = key === "j" || key === "k";
  if (event.repeat && !isScroll) return;
  if (key === "Enter" && at.closest("a, button, summary")) return; // that has a meaning of its own
  const name = key === "Enter" ? key : key.toUpperCase();
  const button = document.querySelector(`[data-key="${CSS.escape(key)}"], [data-also="${CSS.escape(name)}"]`);
  if (!button && !(Object.hasOwn(KEYS, key) && (isScroll || form() || key === "u"))) return;
  event.preventDefault();
  if (button) button.click();
  else KEYS[key]();
});

document.addEventListener("visibilitychange", () => {
  watch();
  if (unsent.length && document.visibilityState === "visible") send();
});
addEventListener("online", () => unsent.length && send());
addEventListener("pageshow", (event) => event.persisted && location.reload()); // of a page that was left: it is old
addEventListener("beforeunload", (event) => unsent.length && event.preventDefault());

setInterval(async () => {
  if (document.visibilityState !== "visible" || unsent.length || isSending) return;
  const found = await fetch("/standing.json").then((answer) => answer.json()).catch(() => null);
  if (found?.html) $("standing").replaceChildren(...parsed(found.html).body.childNodes);
}, LOOK);

begin();
send();
