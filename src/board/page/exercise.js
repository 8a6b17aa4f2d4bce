// The parts of the board that show an exercise: to its team, each made from `ExerciseView` of the server, and to players,
// from `PlayersBoard`. The log and the notes are for both.
import { duration, el, live, now, row, section, soft, table, timeLeft, timeOfDay } from "/elements.js";

export const PHASES = {
  prepared: "prepared: the sponsor has not authorised it yet", authorised: "authorised: it waits for the start", running: "running", paused: "PAUSED: the clocks of people stand still",
  stopped: "STOPPED", reviewed: "reviewed: it waits for signatures", closed: "closed",
};

/* ---- what is open ---- */

/** Something with words, a time limit, and the buttons of those who may answer it. */
function card(title, words, more, untilMs, isOpen, buttons) {
  const late = untilMs != null && untilMs < now();
  return el("div", { class: `item ${isOpen ? "open" : ""} ${late ? "late" : ""}` },
    el("p", null, el("b", null, title), untilMs != null && [" · ", live("b", null, () => timeLeft(untilMs))]),
    el("p", { class: "words" }, words), more.filter(Boolean).map(soft),
    buttons.length > 0 && el("div", { class: "actions" }, buttons));
}

function openStage(s, buttons) {
  const prompt = s.sort === "gate" ? "Go if" : "Ask";
  return card(`Stage ${s.id}: ${s.sort}`, s.text, s.goIf.map((text) => `${prompt}: ${text}`), s.untilMs, true, buttons);
}

function itemState(i) {
  if (i.ended) return `${i.ended} ${i.answer}`;
  if (i.dueMs == null) return `due: ${i.when}`;
  return i.sort === "inject" && !i.given ? "DUE: the controller gives it" : "";
}

function teamItem(i, buttons) {
  const title = `${i.id}: ${i.sort}${i.played ? ` as ${i.played}` : ""}, for ${i.role}`;
  const more = [itemState(i), i.expect && `Expected: ${i.expect}`, i.default && i.open && `Without an answer: ${i.default}`];
  return card(title, i.text, more, i.untilMs, i.open, buttons);
}

/** What is open now, for the team. `buttons` gives those of the own role. */
export function open(x, buttons) {
  const stages = x.stages.filter((s) => s.openedMs != null && !s.end).map((s) => openStage(s, buttons.stage(s)));
  const items = x.items.map((i) => teamItem(i, buttons.item(i)));
  return section("Now", "", stages.length || items.length ? [stages, items] : soft(x.commands ? `No stage is open. At a terminal: ${x.commands}` : "No stage is open."));
}

/* ---- the plan and the results ---- */

export function coming(x) {
  const { gate, inject } = x.next;
  const due = (ms) => (ms > now() ? `in ${duration((ms - now()) / 1000)}` : `DUE for ${duration((now() - ms) / 1000)}`);
  const when = () => (inject.dueMs == null ? inject.when : live("b", null, () => due(inject.dueMs)));
  return section("Next", "",
    el("p", null, el("b", null, "Gate: "), gate ? `${gate[0]}: ${gate[1]}` : "none is left"),
    el("p", null, el("b", null, "Inject: "), inject ? [`${inject.id}, as ${inject.played}: “${inject.text}” `, when()] : "none is left"));
}

const ENDS = { done: "done", failed: "failed", skipped: "left out", defaulted: "default: nobody answered in time", cut: "cut short by the stop" };

function stageTime(s) {
  if (s.end) return `${timeOfDay(s.openedMs)}–${timeOfDay(s.endedMs)}`;
  if (s.openedMs == null) return "";
  return live("span", null, () => `${duration((now() - s.openedMs) / 1000)} of ${duration(s.takesS)}`);
}

function stageState(s) {
  if (s.end) return ENDS[s.end] + (s.detail ? `: ${s.detail}` : "");
  if (s.openedMs == null) return "";
  return s.untilMs == null ? "open" : live("b", null, () => timeLeft(s.untilMs));
}

export function sheet(x) {
  const className = (s) => (s.end ? "past" : s.openedMs == null ? "" : "open");
  return section("Run sheet", "", table(["Planned", "Stage", "", "Led by", "Time (UTC)", ""],
    x.stages.map((s) => row(className(s), timeOfDay(s.plannedMs), s.id, s.sort, s.owner, stageTime(s), stageState(s)))));
}

export function objectives(x) {
  const tones = { met: "good", "not met": "bad" };
  const goal = (o) => [o.rtoS != null && `RTO ${duration(o.rtoS)}`, o.rpoS != null && `RPO ${duration(o.rpoS)}`, o.tier != null && `tier ${o.tier}`].filter(Boolean).join(", ");
  const two = (first, second) => el("td", null, first, el("br"), el("span", { class: "soft" }, second));
  return section("Objectives", "", table(["", "Objective", "Result so far"], x.objectives.map((o) => row("", o.id,
    two(o.text, goal(o)), two(el("b", { class: tones[o.result] ?? "" }, o.result), o.because)))));
}

/* ---- notes and the log ---- */

export function notes(all) {
  const made = all.map((n) => el("li", null, el("time", null, timeOfDay(n.atMs)), " ", el("b", null, `${n.who}, ${n.role}`), n.on === "observation" ? ": " : ` (${n.on}): `, n.text));
  return section("Notes", "", made.length ? el("ol", { class: "log" }, made) : soft("Nobody wrote a note yet."));
}

/** How many lines are made at once: a day has some thousand. */
const SHOWN = 300;

export function log(lines, all, showAll) {
  // Of lines with the same time, the last one that was written is the newest.
  const sorted = [...lines].reverse().sort((a, b) => b.atMs - a.atMs);
  const made = (all ? sorted : sorted.slice(0, SHOWN)).map((l) => el("li", null, el("time", null, timeOfDay(l.atMs)), l.who && el("b", null, `${l.who}: `), l.text));
  return section("Log (UTC), newest first", "full laptop", made.length ? el("ol", { class: "log" }, made) : soft("Nothing happened yet."),
    !all && sorted.length > SHOWN && el("button", { type: "button", click: showAll }, `Show all ${sorted.length} lines`));
}

/* ---- players ---- */

const SORTS = { scene: "The situation", inject: "You are told", task: "Your task", decision: "Your decision", gate: "Go or no" };

export function shown(all, buttons) {
  const one = (s) => card(SORTS[s.sort] + (s.played ? ` by ${s.played}` : ""), s.text,
    [...s.goIf.map((text) => `Go if: ${text}`), s.ended && `${s.ended}${s.answer ? `: ${s.answer}` : ""}`], s.untilMs, s.open, buttons(s));
  return section("What you know", "", all.length ? [...all].reverse().map(one) : soft("Nothing yet. Work as in a real incident, with your usual tools."));
}

export function handOut(v) {
  const list = (title, items) => items.length > 0 && [el("h3", null, title), el("ul", null, items.map((text) => el("li", null, text)))];
  return section("From your hand-out", "", el("p", null, `A ${v.kind} exercise.`),
    list("From the briefing", v.briefing), v.plan.length > 0 && el("p", null, `Work with ${v.plan.filter(Boolean).join(", ")}.`),
    list("Tested", v.inside), list("Not tested", v.outside),
    list("Who is who", v.people.map(([role, names]) => `${role}: ${names.join(", ") || "nobody"}`)));
}

export function howToStop(v) {
  return section("Everybody may stop the exercise", "full", el("p", null, `Say “${v.phrase}” in ${v.channel}, or use the button below. Stop it when something real happens, or when you are not sure.`));
}
