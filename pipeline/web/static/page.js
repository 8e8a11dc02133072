// What every page needs: asking the server, saying what came of it, undo, dialogs, keys.
"use strict";

(() => {
  const token = document.querySelector('meta[name="token"]')?.content ?? null;
  const up = document.body.dataset.up;
  const bar = document.getElementById("said");
  const handlers = new Map();
  const place = `wk-mine-${document.body.dataset.corpus}`;
  let hiding = 0;

  const wk = {
    live: token !== null,
    up,
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,

    /** An element with attributes, properties (those after a dot) and children; text is never read as HTML. */
    make(name, about = {}, ...children) {
      const made = document.createElement(name);
      for (const [key, value] of Object.entries(about)) {
        if (value === null || value === undefined || value === false) continue;
        if (key.startsWith(".")) made[key.slice(1)] = value;
        else made.setAttribute(key, value === true ? "" : value);
      }
      made.append(...children.filter((child) => child !== null && child !== undefined));
      return made;
    },

    /** A message below; with `event` it can be undone on the spot. */
    say(text, { bad = false, event = null } = {}) {
      clearTimeout(hiding);
      bar.replaceChildren(wk.make("span", {}, text));
      bar.classList.toggle("bad", bad);
      if (event) {
        const button = wk.make("button", { class: "quiet" }, "Undo");
        button.addEventListener("click", () => wk.undo(event));
        bar.append(button);
      }
      bar.classList.add("shown");
      hiding = setTimeout(() => bar.classList.remove("shown"), bad ? 12000 : 8000);
    },

    /** Ask the server; null when it refused or was not there, which is said. */
    async ask(path, body = null) {
      if (!wk.live) {
        wk.say("These are pages from disk: open them with `pipeline review` to decide.", { bad: true });
        return null;
      }
      const headers = { "X-Wunderkammer": token };
      const options = body === null ? { headers } : {
        method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body),
      };
      try {
        const reply = await fetch(up + path, options);
        const kind = reply.headers.get("Content-Type") ?? "";
        const found = kind.includes("json") ? await reply.json() : await reply.blob();
        if (reply.ok) return found;
        wk.say(found.error ?? `The server refused: ${reply.status}.`, { bad: true });
      } catch {
        wk.say("The server does not answer: is `pipeline review` still running?", { bad: true });
      }
      return null;
    },

    /** Decide something; the answer, or null. Tells `decided` listeners what it was. */
    async decide(action, fields) {
      const answer = await wk.ask("api/decide", { action, ...fields });
      if (answer) {
        const event = answer.event?.id ?? answer.event ?? null;
        wk.remember(place, [...wk.remembered(place), event]);
        wk.say(answer.said ?? "Done.", { event });
        document.dispatchEvent(new CustomEvent("decided", { detail: { action, fields, event, answer } }));
      }
      return answer;
    },

    /** Undo an event, or the last that was decided in this tab: never what somebody else decided meanwhile. */
    async undo(named = null) {
      const event = named ?? wk.remembered(place).at(-1);
      if (!event) {
        wk.say("Nothing decided in this tab is left to undo; Decisions lists all.", { bad: true });
        return null;
      }
      const answer = await wk.ask("api/undo", { event });
      wk.remember(place, wk.remembered(place).filter((one) => one !== event));
      if (answer) {
        wk.say(answer.said ?? "Undone.");
        document.dispatchEvent(new CustomEvent("undone", { detail: { event, answer } }));
      }
      return answer;
    },

    /** A list that outlives the page, but not the tab. */
    remembered: (name) => JSON.parse(sessionStorage.getItem(name) ?? "[]"),
    remember: (name, list) => sessionStorage.setItem(name, JSON.stringify(list.slice(-1000))),

    /** What keys do outside of fields: `{x: fn}`; a function that returns false lets the key through. */
    keys(map) {
      for (const [key, act] of Object.entries(map)) handlers.set(key, act);
    },

    /** Open a dialog with a form; its button's value, or "" when it was closed. */
    asked(dialog) {
      return new Promise((resolve) => {
        dialog.returnValue = "";
        dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
        dialog.showModal();
      });
    },

    /** Hand a file to the reader. */
    save(name, text, type = "text/csv") {
      const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
      wk.make("a", { href: address, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
    },

    /** Rows as CSV; a cell that a spreadsheet would take for a formula begins with an apostrophe. */
    csv(head, rows) {
      const cell = (value) => {
        const text = value === null || value === undefined ? "" : String(value);
        const safe = typeof value === "string" && /^[=+\-@\t]/.test(text) ? `'${text}` : text;
        return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
      };
      return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
    },

    number: (value) => value.toLocaleString("en"),
    some: (count, word = "picture") => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`,
  };
  globalThis.wk = wk;

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target;
    if (at.closest?.("input, textarea, select") || document.querySelector("dialog[open]")) return;
    if (event.key === " " && at.closest?.("button, summary")) return;
    const act = handlers.get(event.key);
    if (act && act(event) !== false) event.preventDefault();
  });

  const help = document.getElementById("help");
  wk.keys({ "?": () => help.showModal() });
  if (wk.live) wk.keys({ u: () => void wk.undo() });
})();
