// The board: asks for the token, follows the stream of the server, and sends commands. The token is kept for this tab
// only, and travels in a header, never in an address.
import * as part from "/parts.js";

const $ = (id) => document.getElementById(id);
const KEY = "drillmaster-token";
let me = { role: null, names: [] };
let view = null;
let logs = [];
let allLines = false;
let stream = null;
/** Only the newest call of `follow` goes on. */
let turn = 0;
/** What each part was made from: a part is made again only if that changed, so that nothing jumps under a hand. */
let drawn = new Map();

const token = () => sessionStorage.getItem(KEY) ?? "";
const call = (path, more = {}) => fetch(path, { ...more, cache: "no-store", credentials: "omit", headers: { ...more.headers, Authorization: `Bearer ${token()}` } });

/* ---- the token ---- */

function enter(said) {
  turn++;
  stream?.abort();
  sessionStorage.removeItem(KEY);
  [view, logs, drawn] = [null, [], new Map()];
  $("parts").replaceChildren();
  $("board").hidden = true;
  $("enter").hidden = false;
  $("enter-said").textContent = said;
  $("token").focus();
}

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("token").value.trim());
  $("token").value = "";
  follow();
});
$("leave").addEventListener("click", () => enter(""));

/* ---- the stream ---- */

/** A stream that says nothing for longer is gone: the server says something every 5 s. */
const SILENT = 15_000;

function linked(text, lost) {
  $("link").textContent = text;
  $("link").classList.toggle("lost", lost);
}

async function follow() {
  const mine = ++turn;
  let tries = 0;
  while (token() && mine === turn) {
    try {
      const answer = await call("/me");
      if (answer.status === 401) return enter("This token is not valid. It may have been replaced by a new one.");
      if (!answer.ok) throw new Error(await answer.text());
      me = await answer.json();
      await read(() => { tries = 0; });
    } catch { /* the server is away, or the stream is gone: try again */ }
    if (!token() || mine !== turn) return;
    linked("NOT CONNECTED: this is how it was. Trying again …", true);
    await new Promise((done) => setTimeout(done, Math.min(8000, 500 * 2 ** tries++)));
  }
}

/** Reads server-sent events. EventSource cannot send a header with the token. */
async function read(heard) {
  const own = new AbortController();
  stream = own;
  let silence = setTimeout(() => own.abort(), SILENT);
  try {
    const answer = await call("/events", { signal: own.signal });
    if (!answer.ok) return;
    logs = [];
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => own.abort(), SILENT);
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
        if (data.length) take(JSON.parse(data.join("\n")));
      }
      heard();
      linked("connected", false);
    }
  } finally {
    clearTimeout(silence);
  }
}

function take(message) {
  part.setNow(message.nowMs);
  view = message.view;
  message.logs.forEach((log, i) => {
    const known = logs[i]?.edition === log.edition ? logs[i].lines.slice(0, log.from) : [];
    logs[i] = { edition: log.edition, lines: [...known, ...log.lines] };
  });
  logs.length = message.logs.length;
  if (view) draw();
}

/* ---- drawing ---- */

function place(name, from, make) {
  const key = JSON.stringify(from);
  const old = drawn.get(name);
  if (old?.key === key) return old.made;
  const made = make() ?? document.createComment(name);
  drawn.set(name, { key, made });
  return made;
}

function draw() {
  $("enter").hidden = true;
  $("board").hidden = false;
  const players = view.board === "players";
  const about = players ? view : view.exercise;
  $("marking").textContent = about ? about.marking + (about.rehearsal ? " · REHEARSAL" : "") : view.drill?.rehearsal ? "REHEARSAL, NOTHING REAL IS TESTED" : "";
  $("name").textContent = players ? view.name : view.exercise?.title ?? view.drill?.title ?? "";
  $("phase").textContent = about ? part.PHASES[about.phase] : "the run of one drill; this board only shows it";
  document.title = $("name").textContent;
  $("trouble").hidden = !view.trouble;
  $("trouble").textContent = players ? "The board cannot read the exercise at the moment: ask the exercise team." : view.trouble;
  const lines = logs.flatMap((log) => log.lines);
  const log = place("log", [allLines, lines.length, lines.at(-1), logs.map((l) => l.edition)], () => part.log(lines, allLines, () => { allLines = true; draw(); }));
  const made = players ? playersParts() : teamParts();
  show([...made, log]);
  control(about);
  clock();
}

/** Puts the parts in their order, and leaves alone what is there already. */
function show(made) {
  const there = $("parts");
  made.forEach((node, i) => { if (there.childNodes[i] !== node) there.insertBefore(node, there.childNodes[i] ?? null); });
  while (there.childNodes.length > made.length) there.lastChild.remove();
}

function teamParts() {
  const { exercise: x, drill: d } = view;
  const made = [];
  if (d) {
    const time = [d.clock.pace, d.standing];
    made.push(place("watches", [d.watches, d.clock], () => part.watches(d)), place("drill", { ...d, zones: 0, probes: 0, alerts: 0, steps: 0, watches: 0 }, () => part.drill(d)),
      place("zones", d.zones, () => part.zones(d)), place("probes", [d.probes, d.clock], () => part.probes(d)),
      place("alerts", [d.alerts, d.moreAlerts], () => part.alerts(d)), place("steps", [d.steps, time], () => part.steps(d)));
  }
  if (x) {
    made.push(place("open", [x.stages, x.items, me], () => part.open(x, teamButtons)), place("next", x.next, () => part.coming(x)),
      place("sheet", x.stages, () => part.sheet(x)), place("objectives", x.objectives, () => part.objectives(x)), place("notes", x.notes, () => part.notes(x.notes)));
  }
  return made;
}

function playersParts() {
  const { shown, notes, clock, phase, board, trouble, ...handOut } = view;
  return [place("stop-how", [view.phrase, view.channel], () => part.howToStop(view)), place("shown", shown, () => part.shown(shown, playersButtons)),
    place("notes", notes, () => part.notes(notes)), place("hand-out", handOut, () => part.handOut(view))];
}

function clock() {
  const c = (view?.board === "players" ? view : view?.exercise)?.clock;
  const d = view?.drill?.clock;
  const seconds = !c ? (d ? (d.nowUs + Math.max(0, part.now() - d.atMs) * 1000 * d.pace) / 1e6 : null)
    : c.startedMs != null ? ((c.endedMs ?? part.now()) - c.startedMs) / 1000 : c.plannedMs != null ? (part.now() - c.plannedMs) / 1000 : null;
  $("clock").textContent = seconds == null ? "" : part.long(seconds);
}
setInterval(() => { if (view) { part.tick(); part.recolour(); clock(); } }, 250);

$("projector").addEventListener("click", () => {
  const on = document.body.classList.toggle("projector");
  $("projector").setAttribute("aria-pressed", String(on));
});

/* ---- commands ---- */

const button = (text, click) => part.el("button", { type: "button", click }, text);
const may = (answers) => answers.includes(me.role);

const gate = (of, item) => [true, false].map((yes) => button(yes ? "GO" : "NO", () => ask(`Answer the gate with ${yes ? "GO" : "NO"}`, of,
  yes ? "GO" : "NO: the exercise stops", [field("text", "What you want to say with it")], (f) => ({ answer: { item, yes, text: f.text } }))));
const done = (of, item, label) => button(label, () => ask(label, of, "Record", [field("text", "In words", true)], (f) => ({ done: { item, text: f.text } })));
const decide = (of, item, options) => options.map((option) => button(option, () => ask(`Decide: ${option}`, of, option, [field("text", "Why")], (f) => ({ decide: { item, option, text: f.text } }))));

const teamButtons = {
  stage: (s) => !may(s.answers) ? [] : s.sort === "gate" ? gate(s.text, s.item) : [done(s.text, s.item, "Record as done")],
  item: (i) => {
    if (!may(i.answers)) return [];
    if (i.sort === "decision") return decide(i.text, i.item, i.options);
    if (i.sort !== "inject" || i.given) return [done(i.text, i.item, i.sort === "inject" ? "Record the response" : "Record as done")];
    return [button("Give it", () => ask(`Give the inject as ${i.played}`, i.text, "It was given", [], () => ({ inject: { item: i.item } }))),
      button("Leave it out", () => ask("Leave the inject out", i.text, "Leave it out", [field("why", "Why", true)], (f) => ({ skipInject: { item: i.item, why: f.why } })))];
  },
};
const playersButtons = (s) => !s.open ? [] : s.sort === "gate" ? gate(s.text, s.item) : s.sort === "decision" ? decide(s.text, s.item, s.options)
  : [done(s.text, s.item, s.sort === "inject" ? "Record your response" : "Record as done")];

/** A labelled field of the dialog. */
function field(name, label, required = false, options = null) {
  const input = options ? part.el("select", { name }, options.map(([value, text]) => part.el("option", { value }, text)))
    : part.el("textarea", { name, rows: "2", maxlength: "16000", ...(required ? { required: "" } : {}) });
  return part.el("label", null, label, input);
}

/** What the open dialog does if it is confirmed. */
let asked = () => {};

/** Asks before anything is sent. */
function ask(title, text, yes, fields, act) {
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = yes;
  $("ask-fields").replaceChildren(...fields);
  asked = () => send(act(Object.fromEntries(fields.map((f) => [f.lastChild.name, f.lastChild.value]))));
  $("ask").showModal();
}
$("ask-form").addEventListener("submit", (event) => { event.preventDefault(); $("ask").close(); asked(); });
$("ask-no").addEventListener("click", () => $("ask").close());

async function send(act) {
  $("said").textContent = "…";
  try {
    const answer = await call("/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ who: $("who").value, act }) });
    if (answer.status === 401) return enter("This token is not valid any more.");
    $("said").className = answer.ok ? "good" : "bad";
    $("said").textContent = answer.ok ? ["Recorded.", ...(await answer.json()).said].join(" ") : `Not recorded: ${await answer.text()}`;
    return answer.ok;
  } catch {
    $("said").className = "bad";
    $("said").textContent = "It is not known whether this was recorded: the connection was lost. Look at the log before you try again.";
    return false;
  }
}

function control(about) {
  $("control").hidden = !about || !me.role;
  if (!me.role) return;
  $("role").textContent = `as ${me.role}`;
  const names = me.names.length === 1 ? me.names : ["", ...me.names];
  if ([...$("who").options].map((o) => o.value).join("\n") !== names.join("\n")) $("who").replaceChildren(...names.map((name) => part.el("option", { value: name }, name || "choose your name")));
  $("add-inject").hidden = !["controller", "director"].includes(me.role);
}

$("note").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await send({ note: { on: $("note-on").value, text: $("note-text").value } })) $("note-text").value = "";
});
$("add-inject").addEventListener("click", () => ask("Add an inject that the playbook does not have", "The players see these words at once.", "Add and give it",
  [field("text", "The words", true), field("why", "Why it is added", true)], (f) => ({ addInject: { text: f.text, why: f.why } })));
$("stop").addEventListener("click", () => ask("Stop the exercise", "A drill is stopped too, and puts everything back. A stop for a real incident also pages.", "Stop the exercise",
  [field("reason", "Reason", false, [["safety", "safety"], ["incident", "a real incident: say the words of the playbook"], ["schedule", "no time is left"]]), field("phrase", "The words that stop for a real incident"), field("why", "What happened")],
  (f) => ({ stop: { reason: f.reason, phrase: f.phrase, why: f.why } })));

if (token()) follow();
else enter("");
