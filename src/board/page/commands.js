// The commands of the page. Each is sent after a dialog asked, or from the form of notes; the server decides about it.
import { call, leave, me } from "/connection.js";
import { el } from "/elements.js";

const $ = (id) => document.getElementById(id);

async function send(act) {
  $("said").textContent = "…";
  try {
    const answer = await call("/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ who: $("who").value, act }) });
    if (answer.status === 401) return leave("This token is not valid any more.");
    $("said").className = answer.ok ? "good" : "bad";
    $("said").textContent = answer.ok ? ["Recorded.", ...(await answer.json()).said].join(" ") : `Not recorded: ${await answer.text()}`;
    return answer.ok;
  } catch {
    $("said").className = "bad";
    $("said").textContent = "It is not known whether this was recorded: the connection was lost. Look at the log before you try again.";
    return false;
  }
}

/* ---- the dialog ---- */

/** A labelled field of the dialog. */
function field(name, label, required = false, options = null) {
  const input = options ? el("select", { name }, options.map(([value, text]) => el("option", { value }, text)))
    : el("textarea", { name, rows: "2", maxlength: "16000", ...(required ? { required: "" } : {}) });
  return el("label", null, label, input);
}

/** What the open dialog does if it is confirmed. */
let confirmed = () => {};

/** Asks before anything is sent. `act` makes the command from the values of the fields. */
function openDialog(title, text, yes, fields, act) {
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = yes;
  $("ask-fields").replaceChildren(...fields);
  confirmed = () => send(act(Object.fromEntries(fields.map((f) => [f.lastChild.name, f.lastChild.value]))));
  $("ask").showModal();
}
$("ask-form").addEventListener("submit", (event) => { event.preventDefault(); $("ask").close(); confirmed(); });
$("ask-no").addEventListener("click", () => $("ask").close());

/* ---- buttons ---- */

const button = (text, click) => el("button", { type: "button", click }, text);
const mayAnswer = (roles) => roles.includes(me.role);

function gateButtons(question, item) {
  const one = (yes, word, confirm) => button(word, () => openDialog(`Answer the gate with ${word}`, question, confirm,
    [field("text", "What you want to say with it")], (f) => ({ answer: { item, yes, text: f.text } })));
  return [one(true, "GO", "GO"), one(false, "NO", "NO: the exercise stops")];
}

function doneButton(task, item, label) {
  return button(label, () => openDialog(label, task, "Record", [field("text", "In words", true)], (f) => ({ done: { item, text: f.text } })));
}

function decisionButtons(question, item, options) {
  const one = (option) => button(option, () => openDialog(`Decide: ${option}`, question, option,
    [field("text", "Why")], (f) => ({ decide: { item, option, text: f.text } })));
  return options.map(one);
}

function injectButtons({ item, text, played }) {
  return [
    button("Give it", () => openDialog(`Give the inject as ${played}`, text, "It was given", [], () => ({ inject: { item } }))),
    button("Leave it out", () => openDialog("Leave the inject out", text, "Leave it out",
      [field("why", "Why", true)], (f) => ({ skipInject: { item, why: f.why } }))),
  ];
}

/** The buttons with which the holder of the token answers what is open. */
export const teamButtons = {
  stage(s) {
    if (!mayAnswer(s.answers)) return [];
    return s.sort === "gate" ? gateButtons(s.text, s.item) : [doneButton(s.text, s.item, "Record as done")];
  },
  item(i) {
    if (!mayAnswer(i.answers)) return [];
    if (i.sort === "decision") return decisionButtons(i.text, i.item, i.options);
    if (i.sort !== "inject") return [doneButton(i.text, i.item, "Record as done")];
    return i.given ? [doneButton(i.text, i.item, "Record the response")] : injectButtons(i);
  },
};

export function playersButtons(s) {
  if (!s.open) return [];
  if (s.sort === "gate") return gateButtons(s.text, s.item);
  if (s.sort === "decision") return decisionButtons(s.text, s.item, s.options);
  return [doneButton(s.text, s.item, s.sort === "inject" ? "Record your response" : "Record as done")];
}

/* ---- notes, injects, the stop ---- */

/** The part with which the holder of the token writes notes and stops the exercise. */
export function control(exercise) {
  $("control").hidden = !exercise || !me.role;
  if (!me.role) return;
  $("stop").hidden = ["stopped", "reviewed", "closed"].includes(exercise?.phase);
  $("role").textContent = `as ${me.role}`;
  const names = me.names.length === 1 ? me.names : ["", ...me.names];
  const shown = [...$("who").options].map((option) => option.value);
  if (shown.join("\n") !== names.join("\n")) $("who").replaceChildren(...names.map((name) => el("option", { value: name }, name || "choose your name")));
  $("add-inject").hidden = exercise?.phase !== "running" || !["controller", "director"].includes(me.role);
}

$("note").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await send({ note: { on: $("note-on").value, text: $("note-text").value } })) $("note-text").value = "";
});
$("add-inject").addEventListener("click", () => openDialog("Add an inject that the playbook does not have", "The players see these words at once.", "Add and give it",
  [field("text", "The words", true), field("why", "Why it is added", true)], (f) => ({ addInject: { text: f.text, why: f.why } })));
$("stop").addEventListener("click", () => openDialog("Stop the exercise", "A drill is stopped too, and puts everything back. A stop for a real incident also pages.", "Stop the exercise",
  [field("reason", "Reason", false, [["safety", "safety"], ["incident", "a real incident: say the words of the playbook"], ["schedule", "no time is left"]]), field("phrase", "The words that stop for a real incident"), field("why", "What happened")],
  (f) => ({ stop: { reason: f.reason, phrase: f.phrase, why: f.why } })));
