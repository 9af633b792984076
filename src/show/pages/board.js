// Additions to pages that also work without a script: copy a command, select a node together with its row, show how
// long ago something was, and reload the page when the server announces a change.
"use strict";

const each = (selector, run, within = document) =>
  within.querySelectorAll(selector).forEach(run);

// Commands.
const copyable = () =>
  each("button.copy", (button) => {
    button.hidden = !navigator.clipboard;
    button.onclick = async () => {
      const command = button.previousElementSibling.textContent;
      const say = (text, label) => ((button.textContent = text), (button.ariaLabel = label));
      try {
        await navigator.clipboard.writeText(command);
        say("Copied", "Copied");
      } catch {
        say("Not copied", "Not copied");
      }
      setTimeout(() => say("Copy", `Copy: ${command}`), 1500);
    };
  });

// Selects a node of the graph together with its row.
const pair = () => {
  const id = decodeURIComponent(location.hash.slice(1)).replace(/^(node|graph)-/, "");
  each(".selected", (one) => one.classList.remove("selected"));
  if (!id) return;
  const row = document.getElementById(`node-${id}`);
  for (const one of [row, document.getElementById(`graph-${id}`)]) one?.classList.add("selected");
  const folded = row?.closest("details");
  if (folded && !folded.open && location.hash.startsWith("#node-")) {
    folded.open = true;
    row.scrollIntoView({ block: "center" });
  }
};

// Adds to times like `2026-01-31 12:00` how long ago they were.
const units = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
];
const ago = () =>
  each("main time[datetime]", (time) => {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["s", 1];
    const count = Math.floor(Math.abs(seconds) / size);
    time.title = seconds < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
    time.dataset.ago = time.title;
  });

const begin = () => {
  copyable();
  pair();
  ago();
};

// The subject of a decision must not change while a reviewer is about to decide.
const digest = (main) => main.querySelector(".decide [name=digest]")?.value;
const mayReplace = (was, is) => {
  const form = was.querySelector(".decide");
  if (!form || digest(was) === digest(is)) return true;
  if (form.querySelector("[role=alert]")) return false;
  const note = document.createElement("p");
  note.className = "alarm";
  note.role = "alert";
  note.textContent = "The subject of this decision has changed. Reload the page.";
  each("button", (button) => (button.disabled = true), form);
  form.append(note);
  return false;
};

// Reads the page again and replaces its main part, but keeps what was unfolded, filtered and selected.
let reading = false;
let again = false;
const refresh = async () => {
  again = reading;
  if (reading) return;
  reading = true;
  try {
    const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [was, is] = [document.querySelector("main"), page.querySelector("main")];
    if (answer.ok && is && was.innerHTML !== is.innerHTML && mayReplace(was, is)) {
      const filtered = was.querySelector("#open-only")?.checked;
      const open = [...was.querySelectorAll("details")].map((one) => one.open);
      const scroll = was.querySelector(".graph")?.scrollLeft ?? 0;
      const focused = document.activeElement?.id;
      const typed = was.querySelector("#decide-message")?.value;
      was.replaceChildren(...is.childNodes);
      each("details", (one, at) => (one.open = open[at] ?? one.open), was);
      if (filtered) was.querySelector("#open-only").checked = true;
      const graph = was.querySelector(".graph");
      if (graph) graph.scrollLeft = scroll;
      const message = was.querySelector("#decide-message");
      if (typed && message) message.value = typed;
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      document.title = page.title;
      begin();
    }
  } catch {
    // The server is away: the stream reports when it is back.
  }
  reading = false;
  if (again) refresh();
};

addEventListener("hashchange", pair);
setInterval(ago, 30000);
begin();
if (document.body.dataset.events) {
  const stream = new EventSource(document.body.dataset.events);
  stream.onmessage = refresh;
}
