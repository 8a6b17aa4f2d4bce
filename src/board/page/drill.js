// The parts of the board that show a drill, each made from `DrillView` of the server.
import { drillSeconds, drillTime, duration, el, live, liveClass, row, section, soft, table } from "/elements.js";

const STANDING = {
  running: "running", stopping: "stopping: it puts everything back", ended: "ended",
  dead: "ITS RUNNER IS DEAD. Run drillmaster recover (its reaper may be working on it already)",
  unknown: "nobody can tell whether it is running",
};

export function drill(d) {
  return section("Drill", "full",
    el("h3", null, d.title || d.run),
    el("p", { class: d.standing === "dead" ? "alarm" : "" },
      d.standing === "ended" ? `ended: ${d.ended}` : STANDING[d.standing], ` · run ${d.run} · `,
      live("b", null, () => duration(drillSeconds(d.clock))),
      d.openFaults ? ` · ${d.openFaults} faults are open` : " · nothing is broken"),
    d.blind && el("p", { class: "alarm" }, "THE API SERVER CANNOT BE REACHED: zones, nodes and pods are as they were last seen"),
    d.waits && waits(d.waits, d.clock));
}

/** What the drill waits for, and when it decides by itself. The time is that of the drill, which may be paced. */
function waits(w, clock) {
  const left = () => w.untilUs / 1e6 - drillSeconds(clock);
  const when = () => (left() > 0 ? `in ${duration(left())}` : "now");
  return el("p", { class: "warn" }, `It waits for ${w.name}: ${w.question} Without an answer, it decides by itself `, live("b", null, when), ".");
}

/* ---- stopwatches ---- */

/** What a stopwatch says with this many seconds on it: its words, and the class that colours it. */
function reading(watch, seconds) {
  const share = watch.objectiveUs == null ? 0 : (seconds * 1e6) / watch.objectiveUs;
  const tone = share > 1 ? "bad" : share > 0.75 ? "warn" : "";
  const isRpo = watch.counts === "rpo";
  switch (watch.stand) {
    case "waiting": return [isRpo ? "no backup was made yet" : "waits for the fault", ""];
    case "steady": return ["no failure so far", "good"];
    case "running": return isRpo ? ["since the newest backup began", tone] : ["DOWN since the fault", tone || "warn"];
    case "stopped": return [isRpo ? "age at the loss" : "answers again", tone || "good"];
    case "judged": return [`measured, worst case: ${watch.outcome.toUpperCase()}`, watch.outcome === "pass" ? "good" : "bad"];
    default: return [`${watch.outcome?.toUpperCase() ?? "no result"}: the verdict measured no time`, watch.outcome === "pass" ? "good" : "warn"];
  }
}

/** The seconds on a stopwatch; null before it counts. */
function secondsOn(watch, counts, clock) {
  if (watch.fromUs == null) return null;
  const toUs = counts ? drillSeconds(clock) * 1e6 : watch.toUs ?? watch.fromUs;
  return (toUs - watch.fromUs) / 1e6;
}

function watchCard(watch, clock) {
  const counts = watch.stand === "running" || (watch.stand === "steady" && watch.fromUs != null);
  const seconds = () => secondsOn(watch, counts, clock);
  const shown = () => (seconds() == null || watch.stand === "unmeasured" ? "–:––" : duration(seconds()));
  const className = () => `card ${reading(watch, seconds() ?? 0)[1]}`;
  const made = el("div", { class: className() },
    el("h3", null, watch.counts === "rto" ? "Recovery time: " : "Recovery point: ", watch.name),
    live("p", { class: "huge" }, shown),
    live("p", null, () => reading(watch, seconds() ?? 0)[0]),
    soft(watch.objectiveUs == null ? "no objective in the scenario" : `${watch.counts.toUpperCase()} ${drillTime(watch.objectiveUs)}`));
  if (counts) liveClass(made, className);
  return made;
}

export function watches(d) {
  if (!d.watches.length) return null;
  return section("Stopwatches", "full", el("div", { class: "cards" }, d.watches.map((watch) => watchCard(watch, d.clock))),
    soft("They show what is observed now. The verdict at the end of the drill decides."));
}

/* ---- zones, probes, alerts ---- */

export function zones(d) {
  if (!d.zones.length) return null;
  const number = (ready, all) => el("td", { class: ready < all ? "big bad" : "big" }, `${ready} / ${all}`);
  const bar = (ready, all) => {
    const filled = el("div");
    filled.style.width = `${all ? (100 * ready) / all : 0}%`;
    return el("td", null, el("div", { class: ready < all ? "bar short" : "bar" }, filled));
  };
  return section("Zones", "", table(["Zone", "Nodes ready", "", "Pods ready", "", "Cordoned"], d.zones.map((z) => row("", z.zone,
    number(z.nodesReady, z.nodes), bar(z.nodesReady, z.nodes), number(z.podsReady, z.pods), bar(z.podsReady, z.pods), String(z.cordoned)))));
}

/** The class of a cell of a probe's strip, by its letter. */
const CELLS = { u: "u", d: "d", "?": "x", ".": "" };

function probe(p, clock) {
  const state = p.up == null ? "not known" : p.up ? "up" : "DOWN";
  const since = () => (p.sinceUs == null ? "" : ` for ${duration(drillSeconds(clock) - p.sinceUs / 1e6)}`);
  const failed = `${p.failures} of ${p.samples} samples failed`;
  return el("div", null,
    el("p", null, el("b", null, p.name), " ", live("span", { class: p.up === false ? "bad" : "good" }, () => state + since()),
      el("span", { class: "soft" }, ` · ${failed}`)),
    el("div", { class: "strip", role: "img", "aria-label": `${p.name}: ${state}, ${failed}` },
      [...p.cells].map((cell) => el("i", { class: CELLS[cell] ?? "" }))));
}

export function probes(d) {
  if (!d.probes.length) return null;
  return section("Probes", "", d.probes.map((p) => probe(p, d.clock)),
    soft("From the beginning of the drill until now. High: a sample failed. Half: all as expected. Low: not observed."));
}

export function alerts(d) {
  if (!d.alerts.length) return null;
  const name = (a) => el("td", null, el("b", null, a.name), a.expected && " (expected)", el("br"), el("span", { class: "soft" }, a.target || "–"));
  const received = (a) => (a.suppressed ? el("td", { class: "warn" }, `${drillTime(a.receivedUs)} suppressed`) : drillTime(a.receivedUs));
  return section("Alerts, for each target", "", table(["Alert and target", "Pending", "Firing", "Received", "Gone"],
    d.alerts.map((a) => row("", name(a), drillTime(a.pendingUs), drillTime(a.firingUs), received(a), drillTime(a.goneUs)))),
    d.moreAlerts > 0 && soft(`and ${d.moreAlerts} more`));
}

/* ---- steps ---- */

function stepTook(s, clock) {
  if (s.fromUs == null) return "";
  if (s.toUs != null) return drillTime(s.toUs - s.fromUs);
  return live("span", null, () => duration(drillSeconds(clock) - s.fromUs / 1e6));
}

function stepState(s) {
  if (s.end) return s.end.replace("-", " ");
  if (s.fromUs == null) return "planned";
  return s.waiting ? `waits for ${s.waiting}` : "in progress";
}

export function steps(d) {
  if (!d.steps.length) return null;
  const className = (s) => (s.end ? "past" : s.fromUs == null ? "" : "open");
  return section("Steps", "", table(["Step", "Does", "Begins", "Takes", "State"], d.steps.map((s) => row(className(s),
    s.name, s.verb, drillTime(s.fromUs), stepTook(s, d.clock), el("td", { class: s.end && s.end !== "done" ? "bad" : "" }, stepState(s))))));
}
