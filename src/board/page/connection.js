// The connection with the server. The token is kept for this tab only, and travels in a header, never in an address.

const KEY = "drillmaster-token";
const token = () => sessionStorage.getItem(KEY) ?? "";
/** The role of the token, and the names of those who have it. */
export let me = { role: null, names: [] };
/** What the page does: `tokenWanted(why)`, `opened()` (a stream, which begins with everything), `received(message)` and
 * `linked(text, lost)`. */
let on = null;
/** Ends the stream that is read. */
let stream = null;
/** Only the newest call of `follow` goes on. */
let turn = 0;

/** Connects, if this tab has a token. */
export function start(page) {
  on = page;
  if (token()) follow();
  else on.tokenWanted("");
}

/** Connects with a token that somebody gave. */
export function enter(given) {
  sessionStorage.setItem(KEY, given);
  follow();
}

/** Forgets the token, and tells why another one is wanted. */
export function leave(why) {
  turn++;
  stream?.abort();
  sessionStorage.removeItem(KEY);
  on.tokenWanted(why);
}

/** A request with the token. */
export function call(path, more = {}) {
  const headers = { ...more.headers, Authorization: `Bearer ${token()}` };
  return fetch(path, { ...more, headers, cache: "no-store", credentials: "omit" });
}

/** A stream that says nothing for longer is gone: the server says something every 5 s. */
const SILENT = 15_000;

/** Reads the stream, and tries again when it ends. */
async function follow() {
  const mine = ++turn;
  let tries = 0;
  while (token() && mine === turn) {
    try {
      const answer = await call("/me");
      if (answer.status === 401) return leave("This token is not valid. It may have been replaced by a new one.");
      if (!answer.ok) throw new Error(await answer.text());
      me = await answer.json();
      await read(() => { tries = 0; });
    } catch { /* the server is away, or the stream is gone: try again */ }
    if (!token() || mine !== turn) return;
    on.linked("NOT CONNECTED: this is how it was. Trying again …", true);
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
    on.opened();
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
        if (data.length) on.received(JSON.parse(data.join("\n")));
      }
      heard();
      on.linked("connected", false);
    }
  } finally {
    clearTimeout(silence);
  }
}
