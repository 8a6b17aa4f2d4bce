// The parts of the board, each made from the view that the server sends. Text from people and from clusters only ever
// becomes a text node, so it cannot be markup.

/** An element. Children are elements or texts; nothing is left out quietly except null and false. */
export function el(tag, props, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === "class") made.className = value;
    else if (name === "click") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}

/** Texts that change with the time: each element with the function that gives its text. */
const texts = new WeakMap();
export function live(tag, props, text) {
  const made = el(tag, props, text());
  made.classList.add("live");
  texts.set(made, text);
  return made;
}
export function tick() {
  for (const made of document.querySelectorAll(".live")) {
    const text = texts.get(made)();
    if (made.textContent !== text) made.textContent = text;
  }
}

/** The time of the server, in milliseconds. */
let offset = 0;
export const now = () => Date.now() + offset;
export const setNow = (ms) => { offset = ms - Date.now(); };

/** 4:05, 1:04:05 or -0:10 */
export function long(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (seconds <= -1 ? "-" : "") + (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`);
}
const clock = (ms) => (ms == null ? "–" : new Date(ms).toISOString().slice(11, 19));
const left = (ms) => {
  const seconds = (ms - now()) / 1000;
  return seconds >= 0 ? `${long(seconds)} left` : `${long(-seconds)} too late`;
};

/** The time of a drill, in microseconds. */
const drillNow = (c) => c.nowUs + Math.max(0, now() - c.atMs) * 1000 * c.pace;
const at = (us) => (us == null ? "–" : long(us / 1e6));

const section = (title, width, ...content) => el("section", { class: width }, el("h2", null, title), ...content);
const table = (head, rows) => el("div", { class: "wide" }, el("table", null,
  el("thead", null, el("tr", null, head.map((text) => el("th", null, text)))), el("tbody", null, rows)));
const row = (kind, ...cells) => el("tr", { class: kind }, cells.map((cell) => (cell instanceof Element && cell.tagName === "TD" ? cell : el("td", null, cell))));

/* ---- a drill ---- */

const STANDING = {
  running: "running", stopping: "stopping: it puts everything back", ended: "ended",
  dead: "ITS RUNNER IS DEAD. Run drillmaster recover (its reaper may be working on it already)",
  unknown: "nobody can tell whether it is running",
};

export function drill(d) {
  return section("Drill", "full",
    el("h3", null, d.title || d.run),
    el("p", { class: d.standing === "dead" ? "alarm" : "" }, d.standing === "ended" ? `ended: ${d.ended}` : STANDING[d.standing], ` · run ${d.run} · `,
      live("b", null, () => long(drillNow(d.clock) / 1e6)), d.openFaults ? ` · ${d.openFaults} faults are open` : " · nothing is broken"),
    d.blind && el("p", { class: "alarm" }, "THE API SERVER CANNOT BE REACHED: zones, nodes and pods are as they were last seen"),
    d.waits && el("p", { class: "warn" }, `It waits for ${d.waits[0]}: ${d.waits[1]}`));
}

/** How a stopwatch stands: its words, and whether that is good. */
function standing(w, seconds) {
  const over = w.objectiveUs != null && seconds * 1e6 > w.objectiveUs;
  const near = w.objectiveUs != null && seconds * 1e6 > w.objectiveUs * 0.75;
  const tone = over ? "bad" : near ? "warn" : "";
  const rpo = w.counts === "rpo";
  switch (w.stand) {
    case "waiting": return [rpo ? "no backup was made yet" : "waits for the fault", ""];
    case "steady": return ["no failure so far", "good"];
    case "running": return [rpo ? "since the newest backup began" : "DOWN since the fault", tone || (rpo ? "" : "warn")];
    case "stopped": return [rpo ? "age at the loss" : "answers again", tone || "good"];
    case "judged": return [`measured, worst case: ${w.outcome.toUpperCase()}`, w.outcome === "pass" ? "good" : "bad"];
    default: return [`${w.outcome?.toUpperCase() ?? "no result"}: the verdict measured no time`, w.outcome === "pass" ? "good" : "warn"];
  }
}

export function watches(d) {
  if (!d.watches.length) return null;
  const card = (w) => {
    const runs = w.stand === "running" || w.stand === "steady" && w.fromUs != null;
    const seconds = () => (w.fromUs == null ? null : ((runs ? drillNow(d.clock) : w.toUs ?? w.fromUs) - w.fromUs) / 1e6);
    const shown = () => (seconds() == null || w.stand === "unmeasured" ? "–:––" : long(seconds()));
    const words = live("p", null, () => standing(w, seconds() ?? 0)[0]);
    const made = el("div", { class: `card ${standing(w, seconds() ?? 0)[1]}` },
      el("h3", null, w.counts === "rto" ? "Recovery time: " : "Recovery point: ", w.name), live("p", { class: "huge" }, shown), words,
      el("p", { class: "soft" }, w.objectiveUs == null ? "no objective in the scenario" : `${w.counts.toUpperCase()} ${at(w.objectiveUs)}`));
    if (runs) colour(made, () => `card ${standing(w, seconds() ?? 0)[1]}`);
    return made;
  };
  return section("Stopwatches", "full", el("div", { class: "cards" }, d.watches.map(card)),
    el("p", { class: "soft" }, "They show what is observed now. The verdict at the end of the drill decides."));
}

/** Elements whose class changes with the time. */
const colours = new WeakMap();
function colour(made, kind) {
  colours.set(made, kind);
  made.setAttribute("data-colour", "");
}
export function recolour() {
  for (const made of document.querySelectorAll("[data-colour]")) {
    const kind = colours.get(made)();
    if (made.className !== kind) made.className = kind;
  }
}

export function zones(d) {
  if (!d.zones.length) return null;
  const part = (ready, all) => {
    const inner = el("div");
    inner.style.width = `${all ? (100 * ready) / all : 0}%`;
    return el("td", null, el("div", { class: ready < all ? "bar short" : "bar" }, inner));
  };
  const big = (ready, all) => el("td", { class: ready < all ? "big bad" : "big" }, `${ready} / ${all}`);
  return section("Zones", "", table(["Zone", "Nodes ready", "", "Pods ready", "", "Cordoned"], d.zones.map((z) => row("",
    z.zone, big(z.nodesReady, z.nodes), part(z.nodesReady, z.nodes), big(z.podsReady, z.pods), part(z.podsReady, z.pods), String(z.cordoned)))));
}

const CELLS = { u: "u", d: "d", "?": "x", ".": "" };

export function probes(d) {
  if (!d.probes.length) return null;
  const one = (p) => {
    const state = p.up == null ? "not known" : p.up ? "up" : "DOWN";
    const since = () => (p.sinceUs == null ? "" : ` for ${long((drillNow(d.clock) - p.sinceUs) / 1e6)}`);
    return el("div", null,
      el("p", null, el("b", null, p.name), " ", live("span", { class: p.up === false ? "bad" : "good" }, () => state + since()),
        el("span", { class: "soft" }, ` · ${p.failures} of ${p.samples} samples failed`)),
      el("div", { class: "strip", role: "img", "aria-label": `${p.name}: ${state}, ${p.failures} of ${p.samples} samples failed` },
        [...p.cells].map((cell) => el("i", { class: CELLS[cell] ?? "" }))));
  };
  return section("Probes", "", d.probes.map(one), el("p", { class: "soft" }, "From the beginning of the drill until now. High: a sample failed. Half: all as expected. Low: not observed."));
}

export function alerts(d) {
  if (!d.alerts.length) return null;
  const name = (a) => el("td", null, el("b", null, a.name), a.expected && " (expected)", el("br"), el("span", { class: "soft" }, a.target || "–"));
  const received = (a) => (a.suppressed ? el("td", { class: "warn" }, `${at(a.receivedUs)} suppressed`) : at(a.receivedUs));
  return section("Alerts, for each target", "", table(["Alert and target", "Pending", "Firing", "Received", "Gone"],
    d.alerts.map((a) => row("", name(a), at(a.pendingUs), at(a.firingUs), received(a), at(a.goneUs)))),
    d.moreAlerts > 0 && el("p", { class: "soft" }, `and ${d.moreAlerts} more`));
}

export function steps(d) {
  if (!d.steps.length) return null;
  const took = (s) => (s.fromUs == null ? "" : s.toUs == null ? live("span", null, () => long((drillNow(d.clock) - s.fromUs) / 1e6)) : at(s.toUs - s.fromUs));
  const state = (s) => (s.end ? s.end.replace("-", " ") : s.fromUs == null ? "planned" : s.waiting ? `waits for ${s.waiting}` : "in progress");
  const kind = (s) => (s.end ? "past" : s.fromUs == null ? "" : "open");
  return section("Steps", "", table(["Step", "Does", "Begins", "Takes", "State"],
    d.steps.map((s) => row(kind(s), s.name, s.verb, at(s.fromUs), took(s), el("td", { class: s.end && s.end !== "done" ? "bad" : "" }, state(s))))));
}

/* ---- an exercise ---- */

export const PHASES = {
  prepared: "prepared: the sponsor has not authorised it yet", authorised: "authorised: it waits for the start", running: "running", paused: "PAUSED: the clocks of people stand still",
  stopped: "STOPPED", reviewed: "reviewed: it waits for signatures", closed: "closed",
};
const ENDS = { done: "done", failed: "failed", skipped: "left out", defaulted: "default: nobody answered in time", cut: "cut short by the stop" };

export function objectives(x) {
  const goal = (o) => [o.rtoS != null && `RTO ${long(o.rtoS)}`, o.rpoS != null && `RPO ${long(o.rpoS)}`, o.tier != null && `tier ${o.tier}`].filter(Boolean).join(", ");
  const tone = (o) => (o.result === "met" ? "good" : o.result === "not met" ? "bad" : "");
  return section("Objectives", "", table(["", "Objective", "Result so far"], x.objectives.map((o) => row("", o.id,
    el("td", null, o.text, el("br"), el("span", { class: "soft" }, goal(o))), el("td", null, el("b", { class: tone(o) }, o.result), el("br"), el("span", { class: "soft" }, o.because))))));
}

export function sheet(x) {
  const time = (s) => (s.end ? `${clock(s.openedMs)}–${clock(s.endedMs)}` : s.openedMs == null ? "" : live("span", null, () => `${long((now() - s.openedMs) / 1000)} of ${long(s.takesS)}`));
  const state = (s) => (s.end ? ENDS[s.end] + (s.detail ? `: ${s.detail}` : "") : s.openedMs == null ? "" : s.untilMs == null ? "open" : live("b", null, () => left(s.untilMs)));
  const kind = (s) => (s.end ? "past" : s.openedMs == null ? "" : "open");
  return section("Run sheet", "", table(["Planned", "Stage", "", "Led by", "Time (UTC)", ""],
    x.stages.map((s) => row(kind(s), clock(s.plannedMs), s.id, s.sort, s.owner, time(s), state(s)))));
}

export function coming(x) {
  const due = (i) => (i.dueMs == null ? i.when : live("b", null, () => (i.dueMs > now() ? `in ${long((i.dueMs - now()) / 1000)}` : `DUE for ${long((now() - i.dueMs) / 1000)}`)));
  return section("Next", "",
    el("p", null, el("b", null, "Gate: "), x.next.gate ? `${x.next.gate[0]}: ${x.next.gate[1]}` : "none is left"),
    el("p", null, el("b", null, "Inject: "), x.next.inject ? [`${x.next.inject.id}, as ${x.next.inject.played}: “${x.next.inject.text}” `, due(x.next.inject)] : "none is left"));
}

/** Something that is open: its words, its time, and its buttons. */
function item(title, words, more, untilMs, open, buttons) {
  const late = untilMs != null && untilMs < now();
  return el("div", { class: `item ${open ? "open" : ""} ${late ? "late" : ""}` }, el("p", null, el("b", null, title), untilMs != null && [" · ", live("b", null, () => left(untilMs))]),
    el("p", { class: "words" }, words), more.filter(Boolean).map((text) => el("p", { class: "soft" }, text)), buttons?.length ? el("div", { class: "actions" }, buttons) : null);
}

/** What is open now, for the team. `buttons` gives those of the own role. */
export function open(x, buttons) {
  const stages = x.stages.filter((s) => s.openedMs != null && !s.end);
  const made = stages.map((s) => item(`Stage ${s.id}: ${s.sort}`, s.text, s.goIf.map((text) => (s.sort === "gate" ? `Go if: ${text}` : `Ask: ${text}`)), s.untilMs, true, buttons.stage(s)));
  const items = x.items.map((i) => {
    const state = i.ended ? `${i.ended} ${i.answer}` : i.dueMs == null ? `due: ${i.when}` : i.sort === "inject" && !i.given ? "DUE: the controller gives it" : "";
    return item(`${i.id}: ${i.sort}${i.played ? ` as ${i.played}` : ""}, for ${i.role}`, i.text, [state, i.expect && `Expected: ${i.expect}`, i.default && i.open && `Without an answer: ${i.default}`], i.untilMs, i.open, buttons.item(i));
  });
  return section("Now", "", made.length || items.length ? [made, items] : el("p", { class: "soft" }, "No stage is open. The director opens the next one at a terminal: exercise next"));
}

export function notes(all) {
  const made = all.map((n) => el("li", null, el("time", null, clock(n.atMs)), " ", el("b", null, `${n.who}, ${n.role}`), n.on === "observation" ? ": " : ` (${n.on}): `, n.text));
  return section("Notes", "", made.length ? el("ol", { class: "log" }, made) : el("p", { class: "soft" }, "Nobody wrote a note yet."));
}

/** How many lines are made at once: a day has some thousand. */
const SHOWN = 300;

export function log(lines, all, showAll) {
  const sorted = [...lines].sort((a, b) => b.atMs - a.atMs);
  const made = (all ? sorted : sorted.slice(0, SHOWN)).map((l) => el("li", null, el("time", null, clock(l.atMs)), l.who && el("b", null, `${l.who}: `), l.text));
  return section("Log (UTC), newest first", "full laptop", made.length ? el("ol", { class: "log" }, made) : el("p", { class: "soft" }, "Nothing happened yet."),
    !all && sorted.length > SHOWN && el("button", { type: "button", click: showAll }, `Show all ${sorted.length} lines`));
}

/* ---- players ---- */

const SORTS = { scene: "The situation", inject: "You are told", task: "Your task", decision: "Your decision", gate: "Go or no" };

export function shown(all, buttons) {
  const made = [...all].reverse().map((s) => item(SORTS[s.sort] + (s.played ? ` by ${s.played}` : ""), s.text,
    [...s.goIf.map((text) => `Go if: ${text}`), s.ended && `${s.ended}${s.answer ? `: ${s.answer}` : ""}`], s.untilMs, s.open, buttons(s)));
  return section("What you know", "", made.length ? made : el("p", { class: "soft" }, "Nothing yet. Work as in a real incident, with your usual tools."));
}

export function handOut(v) {
  const list = (title, items) => items.length ? [el("h3", null, title), el("ul", null, items.map((text) => el("li", null, text)))] : null;
  return section("From your hand-out", "", el("p", null, `A ${v.kind} exercise.`),
    list("From the briefing", v.briefing), v.plan.length ? el("p", null, `Work with ${v.plan.filter(Boolean).join(", ")}.`) : null,
    list("Tested", v.inside), list("Not tested", v.outside),
    list("Who is who", v.people.map(([role, names]) => `${role}: ${names.join(", ") || "nobody"}`)));
}

export function howToStop(v) {
  return section("Everybody may stop the exercise", "full", el("p", null, `Say “${v.phrase}” in ${v.channel}, or use the button below. Stop it when something real happens, or when you are not sure.`));
}
