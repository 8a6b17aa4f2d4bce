// Looks at reports in Chromium: no console error, nothing wider than the window at 1280 and 400, every link leads
// somewhere, and each printed page carries the run id, its number and, for a rehearsal, REHEARSAL.
// Usage: node tests/pages/check.mjs [--pictures DIR] REPORT.html …
// Needs Chromium 131 or later ($CHROMIUM), Node.js 20 or later, and pdftotext (poppler-utils).
import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** The words of printed pages, and how many pages a normal drill may have before its annex, by the language. */
const WORDS = {
  en: { page: "page", annex: "annex, page", rehearsal: "REHEARSAL", run: /^run /, pages: 8 },
  de: { page: "Seite", annex: "Anhang, Seite", rehearsal: "PROBE", run: /^Lauf /, pages: 9 },
};

const args = process.argv.slice(2);
const at = args.indexOf("--pictures");
const pictures = at < 0 ? null : args.splice(at, 2)[1];
if (!args.length) { console.error("no report is given"); process.exit(2); }
const folder = mkdtempSync(join(tmpdir(), "pages-"));
const browser = spawn(process.env.CHROMIUM ?? "chromium", [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", `--user-data-dir=${folder}/profile`, "about:blank",
], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const giveUp = (why) => { console.error(why); browser.kill(); process.exit(2); };
browser.on("error", (error) => giveUp(`cannot start Chromium: ${error.message}`));
let finished = false;
browser.on("exit", () => { if (!finished) giveUp("Chromium ended before all reports were looked at"); });
/** A report takes seconds. */
setTimeout(() => giveUp(`Chromium did not finish within ${args.length} min`), args.length * 60_000).unref();
const [, , , to, from] = browser.stdio;
const waiting = new Map();
const heard = [];
let next = 1;
const take = (message) => {
  if (message.id) {
    const { done, failed } = waiting.get(message.id);
    waiting.delete(message.id);
    message.error ? failed(new Error(message.error.message)) : done(message.result);
  } else {
    heard.push(message);
  }
};
let rest = Buffer.alloc(0);
from.on("data", (part) => {
  rest = Buffer.concat([rest, part]);
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    take(JSON.parse(rest.subarray(0, end).toString()));
    rest = rest.subarray(end + 1);
  }
});
const call = (method, params = {}, sessionId) => new Promise((done, failed) => {
  waiting.set(next, { done, failed });
  to.write(`${JSON.stringify({ id: next++, method, params, sessionId })}\0`);
});

const wrong = [];
for (const file of args) {
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => call(method, params, sessionId);
  const ask = async (expression) => (await page("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  heard.length = 0;
  for (const domain of ["Page", "Runtime", "Log"]) await page(`${domain}.enable`);
  for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [400, "light"]]) {
    await page("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
    await page("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await page("Page.navigate", { url: pathToFileURL(resolve(file)).href });
    while (!heard.some((m) => m.method === "Page.loadEventFired" && !m.seen && (m.seen = true))) await new Promise((r) => setTimeout(r, 20));
    const wide = await ask(`(() => { const over = [...document.querySelectorAll("body *")].filter((e) => {
      if (e.closest(".wide") && !e.classList.contains("wide")) return false;
      return e.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(e).position !== "absolute"; });
      return [document.documentElement.scrollWidth, over.slice(0, 3).map((e) => e.outerHTML.slice(0, 120))]; })()`);
    if (wide[0] > width || wide[1].length) wrong.push(`${file}: wider than ${width}: ${JSON.stringify(wide)}`);
    const lost = await ask(`[...document.querySelectorAll("a")].map((a) => a.getAttribute("href")).filter((h) => !h.startsWith("#") || !document.getElementById(h.slice(1)))`);
    if (lost.length) wrong.push(`${file}: links to nothing: ${lost.join(", ")}`);
    const names = await ask(`[...document.querySelectorAll("svg")].filter((s) => !s.getAttribute("aria-label")).length + [...document.querySelectorAll("h1, h2, h3, h4")].filter((h) => !h.textContent.trim()).length`);
    if (names) wrong.push(`${file}: ${names} pictures or headings without a name`);
    if (pictures) {
      const { data } = await page("Page.captureScreenshot", { captureBeyondViewport: true });
      writeFileSync(join(pictures, `${width}-${scheme}.png`), Buffer.from(data, "base64"));
    }
  }
  const said = heard.filter((m) => m.method === "Runtime.exceptionThrown" || m.method === "Log.entryAdded" && m.params.entry.level === "error");
  if (said.length) wrong.push(`${file}: console: ${JSON.stringify(said.map((m) => m.params))}`);
  const words = WORDS[await ask(`document.documentElement.lang`)] ?? WORDS.en;
  const run = await ask(`document.querySelector(".run").textContent`);
  const rehearsal = await ask(`document.querySelector(".mark") !== null`);
  const { data } = await page("Page.printToPDF", { preferCSSPageSize: true, printBackground: true });
  const pdf = join(pictures ?? folder, "report.pdf");
  writeFileSync(pdf, Buffer.from(data, "base64"));
  const sheets = execFileSync("pdftotext", ["-layout", pdf, "-"]).toString().split("\f").slice(0, -1);
  const id = run.replace(words.run, "").split(" · ")[0];
  sheets.forEach((sheet, i) => {
    const flat = sheet.replace(/\s+/g, " ");
    for (const [what, there] of [["the run id", flat.includes(id.slice(0, 40))], ["its number", flat.includes(`${words.page} ${i + 1}`)], ["REHEARSAL", !rehearsal || flat.includes(words.rehearsal)]]) {
      if (!there) wrong.push(`${file}: page ${i + 1} does not carry ${what}`);
    }
  });
  const body = sheets.filter((sheet) => !sheet.replace(/\s+/g, " ").includes(`${words.annex} `)).length;
  if (!sheets.length) wrong.push(`${file}: pdftotext finds no page`);
  if (body > words.pages) wrong.push(`${file}: ${body} pages before the annex, at most ${words.pages} are allowed`);
  console.log(`${file}: ${body} pages and ${sheets.length - body} of annex`);
  await call("Target.closeTarget", { targetId });
}
finished = true;
browser.kill();
await new Promise((r) => browser.on("exit", r));
rmSync(folder, { recursive: true, force: true });
wrong.forEach((line) => console.error(`wrong: ${line}`));
process.exitCode = wrong.length ? 1 : 0;
