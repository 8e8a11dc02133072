// The sheet of a theme: order, filter, pages and a list of it in the browser; rejecting, keeping and moving when live.
"use strict";

(() => {
  const rows = globalThis.wkSheet;
  const list = document.querySelector("ol.sheet");
  if (!rows || !list) return;

  const SIZE = 200;
  const theme = Number(list.dataset.theme);
  const byId = (name) => document.getElementById(name);
  const [order, filter, found, acting] = ["order", "filter", "found", "acting"].map(byId);
  const licences = { NOASSERTION: "licence unknown", "LicenseRef-InC": "in copyright", "CC-PDM-1.0": "public domain" };
  const marks = new Map(); // id: rejected, kept, moved
  let seed = 1;
  let shown = rows.ids.map((_, at) => at);
  let page = Number(list.dataset.page);

  // order

  const shuffled = (at) => {
    let x = Math.imul(at + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    return (x ^ (x >>> 15)) >>> 0;
  };
  const area = (at) => (rows.w[at] ?? 0) * (rows.h[at] ?? 0);
  const score = (at) => rows.score[at] ?? 0;
  const orders = {
    near: (at) => at, far: (at) => -at, new: (at) => -rows.day[at], old: (at) => rows.day[at],
    large: (at) => -area(at), small: area, random: shuffled,
    "score-low": score, "score-high": (at) => -score(at),
  };
  if (rows.score) {
    for (const name of ["score-low", "score-high"]) {
      const option = order.querySelector(`[value="${name}"]`);
      option.hidden = option.disabled = false;
    }
  }

  // filter: w<256 AND source:wikiart OR NOT title:"still life"

  const isoDay = (day) => new Date(day * 86400000).toISOString().slice(0, 10);
  const numbers = {
    w: (at) => rows.w[at], h: (at) => rows.h[at], side: (at) => Math.min(rows.w[at], rows.h[at]),
    aspect: (at) => rows.w[at] / rows.h[at], bytes: (at) => rows.bytes[at], far: (at) => rows.far[at],
    sharpness: (at) => rows.sharpness[at], score: (at) => rows.score?.[at],
    year: (at) => Number.parseInt(/\d{3,4}/.exec(rows.year[at] ?? "")?.[0], 10),
  };
  const words = {
    title: (at) => rows.title[at], creator: (at) => rows.creator[at], source: (at) => rows.source[at],
    licence: (at) => rows.licence[at], license: (at) => rows.licence[at], year: (at) => rows.year[at],
    date: (at) => isoDay(rows.day[at]), style: (at) => rows.words[at], genre: (at) => rows.words[at],
    id: (at) => rows.ids[at], is: (at) => marks.get(rows.ids[at]) ?? "untouched",
  };
  const compare = {
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
    "=": (a, b) => a === b, "!=": (a, b) => a !== b,
  };

  const condition = (text) => {
    const plain = (word) => word.replaceAll('"', "").toLowerCase();
    const known = /^([a-z]+)(<=|>=|!=|<|>|=|:)(.+)$/i.exec(text);
    const all = (at) => [rows.title[at], rows.creator[at], rows.year[at], rows.words[at]].join(" ").toLowerCase();
    if (!known) return (at) => all(at).includes(plain(text));
    const [key, sign, value] = [known[1].toLowerCase(), known[2], plain(known[3])];
    if (sign === ":" || (key in words && !(key in numbers))) {
      if (!(key in words)) throw new Error(`no words are called ${key}: try ${Object.keys(words).join(", ")}`);
      const wanted = sign !== "!=";
      return (at) => String(words[key](at) ?? "").toLowerCase().includes(value) === wanted;
    }
    if (!(key in numbers)) throw new Error(`no number is called ${key}: try ${Object.keys(numbers).join(", ")}`);
    if (Number.isNaN(Number(value))) throw new Error(`${value} is no number`);
    return (at) => compare[sign](numbers[key](at), Number(value));
  };

  const parsed = (text) => {
    const tokens = text.match(/[^\s"]*"[^"]*"|\S+/g) ?? [];
    const either = [[]];
    let not = false;
    for (const token of tokens) {
      if (token === "OR") either.push([]);
      else if (token === "NOT") not = !not;
      else if (token !== "AND") {
        const holds = condition(token);
        const wanted = !not;
        either.at(-1).push((at) => holds(at) === wanted);
        not = false;
      }
    }
    return (at) => either.some((every) => every.every((holds) => holds(at)));
  };

  // drawing

  const tile = (at, place) => {
    const name = [rows.title[at], rows.creator[at]].filter(Boolean).join(", ") || `untitled picture ${place}`;
    const own = list.dataset.paged === "yes";
    const href = own ? `${wk.up}pictures/${rows.ids[at]}.html` : rows.link[at];
    const picture = rows.src[at]
      ? wk.make("img", { src: wk.up + rows.src[at], alt: name, loading: "lazy", decoding: "async" })
      : wk.make("span", { class: "blank", role: "img", "aria-label": name }, "no picture");
    const frame = href
      ? wk.make("a", { class: "frame", href, rel: own ? null : "noreferrer noopener external" }, picture)
      : wk.make("span", { class: "frame" }, picture);
    const by = [rows.creator[at], rows.year[at]].filter(Boolean).join(", ");
    const note = order.value.startsWith("score") && rows.score?.[at] !== null
      ? wk.make("span", { class: "note" }, `D-score ${rows.score[at].toFixed(2)}`) : null;
    return wk.make("li", { class: "tile", "data-id": rows.ids[at] }, wk.make("figure", {}, frame,
      wk.make("figcaption", {}, note,
        wk.make("span", { class: "title" }, wk.make("bdi", {}, rows.title[at] ?? `untitled picture ${place}`)),
        by ? wk.make("span", { class: "by" }, wk.make("bdi", {}, by)) : null,
        wk.make("span", { class: "from" }, `${rows.source[at] ?? "unknown source"} · ${licences[rows.licence[at]] ?? rows.licence[at] ?? "licence unknown"}`),
      )));
  };

  const pages = () => Math.max(1, Math.ceil(shown.length / SIZE));

  const pagers = () => {
    for (const old of document.querySelectorAll("nav.pager")) old.remove();
    if (pages() < 2) return;
    for (const [where, name] of [["before", "above"], ["after", "below"]]) {
      const items = wk.make("ul");
      for (let at = 1; at <= pages(); at += 1) {
        const button = wk.make("button", { "aria-label": `Sheet ${at}`, "aria-current": at === page ? "page" : null }, String(at));
        button.addEventListener("click", () => turn(at));
        items.append(wk.make("li", {}, button));
      }
      list[where](wk.make("nav", { class: "pager", "aria-label": `Sheets, ${name}` }, items));
    }
  };

  const count = () => {
    const from = shown.length === rows.ids.length ? "" : ` of ${wk.number(rows.ids.length)}`;
    const range = pages() > 1 ? `, sheet ${page} of ${pages()}` : "";
    found.textContent = `${wk.some(shown.length)}${from}${range}`;
  };

  const draw = () => {
    const start = (page - 1) * SIZE;
    list.start = start + 1;
    list.replaceChildren(...shown.slice(start, start + SIZE).map((at, place) => tile(at, start + place + 1)));
    pagers();
    count();
    tiles.renew();
    badges();
  };

  const turn = (to) => {
    if (to < 1 || to > pages() || to === page) return;
    page = to;
    draw();
    list.scrollIntoView({ block: "start" });
    tiles.focus(0);
  };

  const arrange = () => {
    try {
      const holds = parsed(filter.value.trim());
      const key = orders[order.value];
      const keys = new Float64Array(rows.ids.length);
      shown = rows.ids.map((_, at) => at).filter(holds);
      for (const at of shown) keys[at] = key(at);
      shown.sort((a, b) => keys[a] - keys[b] || a - b);
      filter.removeAttribute("aria-invalid");
      page = 1;
      draw();
    } catch (error) {
      filter.setAttribute("aria-invalid", "true");
      found.textContent = `Not understood: ${error.message}.`;
    }
  };

  const badges = () => {
    for (const one of tiles.tiles) {
      const mark = marks.get(one.dataset.id);
      one.classList.toggle("rejected", mark === "rejected");
      one.classList.toggle("moved", mark === "moved");
      one.classList.toggle("kept", mark === "kept");
      one.querySelector(".stamp")?.remove();
      if (mark) one.querySelector("figcaption").prepend(wk.make("span", { class: "stamp" }, mark));
    }
  };

  // deciding

  const tiles = new wk.Tiles(list, {
    chosen: (number) => {
      if (!acting) return;
      acting.hidden = false;
      byId("chosen").textContent = number ? `${wk.some(number)} chosen` : "the picture with the frame";
    },
    inside: (key) => {
      const act = { x: reject, k: keep }[key];
      if (act && wk.live) act();
      return Boolean(act);
    },
  });

  const picked = () => {
    const ids = tiles.picked.length ? tiles.picked : [tiles.id].filter(Boolean);
    if (!ids.length) wk.say("Choose a picture first.");
    return ids;
  };

  const kept = `wk-kept-${document.body.dataset.corpus}-${theme}`;
  const stamp = (ids, mark) => {
    for (const id of ids) mark ? marks.set(id, mark) : marks.delete(id);
    if (wk.live) wk.remember(kept, [...marks].filter(([, one]) => one === "kept").map(([id]) => id));
    badges();
  };

  const settle = (ids, mark) => {
    const single = !tiles.chosen.size;
    stamp(ids, mark);
    tiles.clear();
    if (single && !tiles.view?.open) tiles.focus(tiles.at + 1);
  };

  async function reject(ids = picked()) {
    if (ids.length && (await wk.decide("reject", { pictures: ids }))) settle(ids, "rejected");
  }

  async function keep() {
    const ids = picked();
    const back = ids.filter((id) => marks.get(id) === "rejected");
    if (back.length && !(await wk.decide("rescue", { pictures: back }))) return;
    settle(ids, "kept");
  }

  const move = async () => {
    const ids = picked();
    if (!ids.length || !wk.live) return;
    const into = byId("into");
    byId("moving-title").textContent = `Move ${wk.some(ids.length)} to`;
    if ((await wk.asked(byId("moving"))) !== "yes") return;
    const name = byId("theme-name").value.trim();
    const done = into.value === "new"
      ? await wk.decide("theme", { pictures: ids, name })
      : await wk.decide("move", { pictures: ids, into: Number(into.value) });
    if (done) settle(ids, "moved");
  };

  const after = async () => {
    const start = (page - 1) * SIZE + tiles.at;
    const ids = shown.slice(start).map((at) => rows.ids[at]).filter((id) => marks.get(id) !== "rejected");
    const title = tiles.current?.querySelector(".title")?.textContent ?? "here";
    byId("sure-said").textContent =
      `${wk.some(ids.length)}, from “${title}” to the end of this order (${order.selectedOptions[0].textContent}). One step undoes it.`;
    if (ids.length && (await wk.asked(byId("sure"))) === "yes") await reject(ids);
  };

  document.addEventListener("undone", ({ detail }) => {
    const known = history.get(detail.event);
    if (known) stamp(known.ids, null);
    history.delete(detail.event);
  });
  const history = new Map();
  document.addEventListener("decided", ({ detail }) => {
    if (detail.fields.pictures) history.set(detail.event, { ids: detail.fields.pictures });
  });

  // wiring

  byId("tools").hidden = false;
  if (wk.live) stamp(wk.remembered(kept), "kept");
  count();
  pagers();
  order.addEventListener("change", () => {
    seed = order.value === "random" ? seed + 1 : seed;
    arrange();
  });
  let waiting = 0;
  filter.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(arrange, 120);
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      tiles.focus(0);
    }
  });
  byId("list").addEventListener("click", () => {
    const head = ["id", "title", "creator", "year", "source", "licence", "page", "width", "height", "distance"];
    const lines = shown.map((at) => [rows.ids[at], rows.title[at], rows.creator[at], rows.year[at], rows.source[at],
      rows.licence[at], rows.link[at], rows.w[at], rows.h[at], rows.far[at]]);
    wk.save(`${document.body.dataset.corpus}-${String(theme).padStart(2, "0")}.csv`, wk.csv(head, lines));
  });
  wk.keys(tiles.keys());
  wk.keys({ n: () => turn(page + 1), p: () => turn(page - 1), "/": () => filter.focus() });
  if (!acting) {
    const told = () => void wk.ask("");
    wk.keys({ x: told, m: told });
    return;
  }
  byId("into").addEventListener("change", (event) => {
    byId("new-theme").hidden = event.target.value !== "new";
    byId("theme-name").required = event.target.value === "new";
  });
  for (const [name, act] of [["reject", () => reject()], ["keep", keep], ["move", move], ["after", after], ["undo", () => wk.undo()]]) {
    byId(name).addEventListener("click", act);
  }
  wk.keys({ x: () => void reject(), k: () => void keep(), m: () => void move() });
})();
