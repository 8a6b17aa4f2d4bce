// What all parts of the page are made of: elements, and times. Text from people and from clusters only ever becomes a
// text node, so it cannot be markup.

/* ---- elements ---- */

/** An element. Children are elements or texts, also in lists; null, undefined and false are left out. */
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

export const section = (title, width, ...content) => el("section", { class: width }, el("h2", null, title), ...content);
export const soft = (text) => el("p", { class: "soft" }, text);

export function table(head, rows) {
  const cells = head.map((text) => el("th", null, text));
  return el("div", { class: "wide" }, el("table", null, el("thead", null, el("tr", null, cells)), el("tbody", null, rows)));
}

/** A row of a table. A cell is a text, an element, or a `td` of its own. */
export function row(className, ...cells) {
  const isCell = (cell) => cell instanceof Element && cell.tagName === "TD";
  return el("tr", { class: className }, cells.map((cell) => (isCell(cell) ? cell : el("td", null, cell))));
}

/* ---- what changes with the time ---- */

/** Each element whose text changes, with the function that gives the text. Weak: a part that is made again drops its own. */
const texts = new WeakMap();
export function live(tag, props, text) {
  const made = el(tag, props, text());
  made.classList.add("live");
  texts.set(made, text);
  return made;
}

/** The same for elements whose class changes. */
const classes = new WeakMap();
export function liveClass(made, className) {
  classes.set(made, className);
  made.setAttribute("data-colour", "");
}

/** Brings all of them up to date. What has not changed is left alone, so that a selection stays. */
export function tick() {
  for (const made of document.querySelectorAll(".live")) {
    const text = texts.get(made)();
    if (made.textContent !== text) made.textContent = text;
  }
  for (const made of document.querySelectorAll("[data-colour]")) {
    const className = classes.get(made)();
    if (made.className !== className) made.className = className;
  }
}

/* ---- times ---- */

/** How far the clock of this machine is behind that of the server, in milliseconds. */
let offset = 0;
export const setNow = (ms) => { offset = ms - Date.now(); };
/** The time of the server, in milliseconds. */
export const now = () => Date.now() + offset;
/** The time of a drill, in seconds since it began. It goes on by itself between two messages. */
export const drillSeconds = (clock) => (clock.nowUs + Math.max(0, now() - clock.atMs) * 1000 * clock.pace) / 1e6;

/** 4:05, 1:04:05 or -0:10 */
export function duration(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (seconds <= -1 ? "-" : "") + (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`);
}
/** A time of a drill, which is in microseconds. */
export const drillTime = (us) => (us == null ? "–" : duration(us / 1e6));
/** 14:05:00, in UTC. */
export const timeOfDay = (ms) => (ms == null ? "–" : new Date(ms).toISOString().slice(11, 19));
/** How long a time limit still is. */
export function timeLeft(ms) {
  const seconds = (ms - now()) / 1000;
  return seconds >= 0 ? `${duration(seconds)} left` : `${duration(-seconds)} too late`;
}
