// The board: asks for the token, and draws the view that the server sends, each time it sends one.
import { control, playersButtons, teamButtons } from "/commands.js";
import { enter, leave, me, start } from "/connection.js";
import * as drillParts from "/drill.js";
import { drillSeconds, duration, now, setNow, tick } from "/elements.js";
import * as parts from "/exercise.js";

const $ = (id) => document.getElementById(id);
/** The newest view, and the lines of each log so far. */
let view = null;
let logs = [];
/** Whether somebody asked for the whole log. */
let allLines = false;
/** Each part with what it was made from: see `keepOrMake`. */
let drawn = new Map();

function askForToken(why) {
  [view, logs, drawn] = [null, [], new Map()];
  $("parts").replaceChildren();
  $("board").hidden = true;
  $("enter").hidden = false;
  $("enter-said").textContent = why;
  $("token").focus();
}

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = $("token").value.trim();
  $("token").value = "";
  enter(given);
});
$("leave").addEventListener("click", () => leave(""));

function showLink(text, lost) {
  $("link").textContent = text;
  $("link").classList.toggle("lost", lost);
}

/** Takes a message: a view, and the lines that this page does not have yet. */
function receive(message) {
  setNow(message.nowMs);
  view = message.view;
  message.logs.forEach((log, i) => {
    const known = logs[i]?.edition === log.edition ? logs[i].lines.slice(0, log.from) : [];
    logs[i] = { edition: log.edition, lines: [...known, ...log.lines] };
  });
  logs.length = message.logs.length;
  if (view) draw();
}

/* ---- drawing ---- */

/** The part of this name. It is made again only if what it is made from has changed, so that nothing jumps under a hand. */
function keepOrMake(name, from, make) {
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
  const isPlayers = view.board === "players";
  const exercise = isPlayers ? view : view.exercise;
  $("marking").textContent = marking(exercise);
  $("name").textContent = isPlayers ? view.name : view.exercise?.title ?? view.drill?.title ?? "";
  $("phase").textContent = exercise ? parts.PHASES[exercise.phase] : "the run of one drill; this board only shows it";
  document.title = $("name").textContent;
  $("trouble").hidden = !view.trouble;
  $("trouble").textContent = isPlayers ? "The board cannot read the exercise at the moment: ask the exercise team." : view.trouble;
  arrange([...(isPlayers ? playersParts() : teamParts()), logPart()]);
  control(exercise);
  clock();
}

/** What stands above the title. The players' view does not tell whether it is a rehearsal. */
function marking(exercise) {
  if (exercise) return exercise.marking + (exercise.rehearsal ? " · REHEARSAL" : "");
  return view.drill?.rehearsal ? "REHEARSAL, NOTHING REAL IS TESTED" : "";
}

function logPart() {
  const lines = logs.flatMap((log) => log.lines);
  const showAll = () => { allLines = true; draw(); };
  return keepOrMake("log", [allLines, lines.length, lines.at(-1), logs.map((log) => log.edition)], () => parts.log(lines, allLines, showAll));
}

/** Puts the parts in their order, and leaves alone what is there already. */
function arrange(made) {
  const there = $("parts");
  made.forEach((node, i) => { if (there.childNodes[i] !== node) there.insertBefore(node, there.childNodes[i] ?? null); });
  while (there.childNodes.length > made.length) there.lastChild.remove();
}

function teamParts() {
  const { exercise: x, drill: d } = view;
  const made = [];
  if (d) {
    // The clock is only in the key of parts that count with it.
    const { zones, probes, alerts, steps, watches, ...others } = d;
    made.push(
      keepOrMake("watches", [watches, d.clock], () => drillParts.watches(d)),
      keepOrMake("drill", others, () => drillParts.drill(d)),
      keepOrMake("zones", zones, () => drillParts.zones(d)),
      keepOrMake("probes", [probes, d.clock], () => drillParts.probes(d)),
      keepOrMake("alerts", [alerts, d.moreAlerts], () => drillParts.alerts(d)),
      keepOrMake("steps", [steps, d.clock.pace, d.standing], () => drillParts.steps(d)));
  }
  if (x) {
    made.push(
      keepOrMake("open", [x.stages, x.items, x.commands, me], () => parts.open(x, teamButtons)),
      keepOrMake("next", x.next, () => parts.coming(x)),
      keepOrMake("sheet", x.stages, () => parts.sheet(x)),
      keepOrMake("objectives", x.objectives, () => parts.objectives(x)),
      keepOrMake("notes", x.notes, () => parts.notes(x.notes)));
  }
  return made;
}

function playersParts() {
  const { shown, notes, clock, phase, board, trouble, ...handOut } = view;
  return [
    keepOrMake("stop-how", [view.phrase, view.channel], () => parts.howToStop(view)),
    keepOrMake("shown", shown, () => parts.shown(shown, playersButtons)),
    keepOrMake("notes", notes, () => parts.notes(notes)),
    keepOrMake("hand-out", handOut, () => parts.handOut(view)),
  ];
}

/** The seconds on the large clock: of the exercise, before its begin until then, or of the drill. */
function clockSeconds() {
  const exercise = (view.board === "players" ? view : view.exercise)?.clock;
  if (!exercise) return view.drill ? drillSeconds(view.drill.clock) : null;
  const { startedMs, endedMs, plannedMs } = exercise;
  if (startedMs != null) return ((endedMs ?? now()) - startedMs) / 1000;
  return plannedMs == null ? null : (now() - plannedMs) / 1000;
}

function clock() {
  const seconds = clockSeconds();
  $("clock").textContent = seconds == null ? "" : duration(seconds);
}
setInterval(() => { if (view) { tick(); clock(); } }, 250);

$("projector").addEventListener("click", () => {
  const on = document.body.classList.toggle("projector");
  $("projector").setAttribute("aria-pressed", String(on));
});

start({ tokenWanted: askForToken, opened: () => { logs = []; }, received: receive, linked: showLink });
