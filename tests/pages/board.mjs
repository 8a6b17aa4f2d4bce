// Opens a running board in Chromium with each token: no console error, nothing wider than the window at 1280 and 400.
// Usage: node tests/pages/board.mjs [--pictures DIR] http://127.0.0.1:PORT/ TOKEN …
// Needs Chromium 131 or later ($CHROMIUM) and Node.js 20 or later.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const args = process.argv.slice(2);
const at = args.indexOf("--pictures");
const pictures = at < 0 ? null : args.splice(at, 2)[1];
const [address, ...tokens] = args;
if (!tokens.length) { console.error("give the address of the board and a token"); process.exit(2); }
const folder = mkdtempSync(join(tmpdir(), "board-"));
const browser = spawn(process.env.CHROMIUM ?? "chromium", [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", `--user-data-dir=${folder}/profile`, "about:blank",
], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const giveUp = (why) => { console.error(why); browser.kill(); process.exit(2); };
browser.on("error", (error) => giveUp(`cannot start Chromium: ${error.message}`));
setTimeout(() => giveUp("Chromium did not finish in time"), tokens.length * 60_000).unref();
const [, , , to, from] = browser.stdio;
const waiting = new Map();
const heard = [];
let next = 1;
let rest = Buffer.alloc(0);
from.on("data", (part) => {
  rest = Buffer.concat([rest, part]);
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    const message = JSON.parse(rest.subarray(0, end).toString());
    rest = rest.subarray(end + 1);
    if (!message.id) heard.push(message);
    else waiting.get(message.id)(message);
  }
});
const call = (method, params = {}, sessionId) => new Promise((done, failed) => {
  waiting.set(next, (message) => (message.error ? failed(new Error(message.error.message)) : done(message.result)));
  to.write(`${JSON.stringify({ id: next++, method, params, sessionId })}\0`);
});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const wrong = [];
for (const token of tokens) {
  const role = token.split("-")[0];
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => call(method, params, sessionId);
  const ask = async (expression) => (await page("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  const until = async (expression, what) => {
    for (let tries = 0; tries < 100; tries++) {
      if (await ask(expression)) return;
      await pause(100);
    }
    wrong.push(`${role}: ${what}`);
  };
  heard.length = 0;
  for (const domain of ["Page", "Runtime", "Log"]) await page(`${domain}.enable`);
  await page("Page.navigate", { url: address });
  await until(`document.getElementById("enter")?.hidden === false`, "the page does not ask for a token");
  await ask(`document.getElementById("token").value = ${JSON.stringify(token)}; document.getElementById("enter").requestSubmit()`);
  await until(`document.getElementById("board").hidden === false && document.querySelectorAll("#parts section").length > 1`, "the board does not come");
  for (const [width, scheme, projector] of [[1280, "light", false], [1280, "dark", false], [400, "light", false], [1920, "dark", true]]) {
    await page("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
    await page("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await ask(`document.body.classList.toggle("projector", ${projector})`);
    const wide = await ask(`(() => { const over = [...document.querySelectorAll("body *")].filter((e) =>
      (!e.closest(".wide") || e.classList.contains("wide")) && e.getBoundingClientRect().right > innerWidth + 1);
      return [document.documentElement.scrollWidth, over.slice(0, 3).map((e) => e.outerHTML.slice(0, 120))]; })()`);
    if (wide[0] > width || wide[1].length) wrong.push(`${role}: wider than ${width}: ${JSON.stringify(wide)}`);
    if (pictures) {
      const { data } = await page("Page.captureScreenshot", { captureBeyondViewport: true });
      writeFileSync(join(pictures, `board-${role}-${width}-${scheme}.png`), Buffer.from(data, "base64"));
    }
  }
  if (await ask(`location.href.includes(${JSON.stringify(token)})`)) wrong.push(`${role}: the token is in the address`);
  const said = heard.filter((m) => m.method === "Runtime.exceptionThrown" || m.method === "Log.entryAdded" && m.params.entry.level === "error");
  if (said.length) wrong.push(`${role}: console: ${JSON.stringify(said.map((m) => m.params))}`);
  await call("Target.closeTarget", { targetId });
}
browser.kill();
await new Promise((done) => browser.on("exit", done));
rmSync(folder, { recursive: true, force: true });
wrong.forEach((line) => console.error(`wrong: ${line}`));
console.log(`${tokens.length} tokens, ${wrong.length} problems`);
process.exitCode = wrong.length ? 1 : 0;
