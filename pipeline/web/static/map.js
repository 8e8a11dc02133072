// The map: every picture a dot, drawn by WebGL in one call; shift, scale, lasso, choose.
"use strict";

(() => {
  const data = globalThis.wkMap;
  const byId = (name) => document.getElementById(name);
  const [box, canvas, loop, status, acting, tip] = ["map", "canvas", "loop", "status", "acting", "tip"].map(byId);
  if (!data || !box) return;

  const SHOWN = 60;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const n = data.n;
  const bytes = (text) => Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const short = (text) => new Uint16Array(bytes(text).buffer);
  const [xs, ys, theme, day] = [data.x, data.y, data.theme, data.day].map(short);
  const codes = { theme, day, source: bytes(data.source), licence: bytes(data.licence) };
  const hidden = new Set(); // codes that are switched off in the legend
  const chosen = new Uint8Array(n);
  let count = 0;
  let colour = "theme";
  let scale = 1;
  let centre = [0.5, 0.5];

  // colours: as many hues as wanted, far apart and alike in lightness

  const hue = (h, s, l) => {
    const a = s * Math.min(l, 1 - l);
    const f = (k) => l - a * Math.max(-1, Math.min(((k + h / 30) % 12) - 3, 9 - ((k + h / 30) % 12), 1));
    return [f(0), f(8), f(4)];
  };
  const palette = (size) => Array.from({ length: size }, (_, at) =>
    hue((at * 137.508 + 150) % 360, 0.42 + 0.22 * ((at >> 1) % 2), (dark.matches ? 0.62 : 0.42) + 0.1 * ((at % 3) - 1)));
  const ramp = (share) => hue(250 - 215 * share, 0.5, (dark.matches ? 0.42 : 0.32) + 0.3 * share);
  const css = (rgb) => `rgb(${rgb.map((part) => Math.round(part * 255)).join(" ")})`;

  // WebGL

  byId("map").hidden = false;
  const gl = canvas.getContext("webgl", { antialias: false, alpha: true, premultipliedAlpha: true });
  if (!gl) {
    box.hidden = true;
    byId("no-map").hidden = false;
    return;
  }
  const shader = (kind, text) => {
    const made = gl.createShader(kind);
    gl.shaderSource(made, text);
    gl.compileShader(made);
    return made;
  };
  const program = gl.createProgram();
  gl.attachShader(program, shader(gl.VERTEX_SHADER, `
    attribute vec2 place; attribute vec4 paint;
    uniform vec2 centre; uniform vec2 stretch; uniform float size;
    varying vec4 colour;
    void main() {
      colour = paint;
      gl_Position = vec4((place - centre) * stretch, 0.0, 1.0);
      gl_PointSize = paint.a > 0.9 ? size * 1.5 : size;
    }`));
  gl.attachShader(program, shader(gl.FRAGMENT_SHADER, `
    precision mediump float; varying vec4 colour; uniform float round;
    void main() {
      float solid = colour.a;
      if (round > 0.5) solid *= 1.0 - smoothstep(0.38, 0.5, length(gl_PointCoord - 0.5));
      if (solid < 0.01) discard;
      gl_FragColor = vec4(colour.rgb * solid, solid);
    }`));
  gl.linkProgram(program);
  gl.useProgram(program);
  const buffer = (name, size, kind, values) => {
    const made = gl.createBuffer();
    const where = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(where);
    gl.vertexAttribPointer(where, size, kind, true, 0, 0);
    return made;
  };
  const places = new Uint16Array(2 * n);
  for (let at = 0; at < n; at += 1) {
    places[2 * at] = xs[at];
    places[2 * at + 1] = ys[at];
  }
  buffer("place", 2, gl.UNSIGNED_SHORT, places);
  const paint = new Uint32Array(n); // red, green, blue, alpha of each
  const painted = buffer("paint", 4, gl.UNSIGNED_BYTE, paint);
  const uniform = Object.fromEntries(["centre", "stretch", "size", "round"].map((name) => [name, gl.getUniformLocation(program, name)]));
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

  const stretch = () => {
    const [w, h] = [canvas.clientWidth, canvas.clientHeight];
    const side = Math.min(w, h) * scale;
    return [(2 * side) / w, (2 * side) / h];
  };

  const named = () => ({ theme: data.themes.map((one) => one.name), source: data.sources, licence: data.licences })[colour];

  const colours = () => {
    if (colour !== "day") return palette(named().length);
    const span = Math.max(1, day.reduce((a, b) => Math.max(a, b), 0));
    return (code) => ramp(code / span);
  };

  const repaint = () => {
    const list = colours();
    const own = codes[colour];
    const top = own.reduce((a, b) => Math.max(a, b), 0);
    const [plain, faint, full] = [n > 50000 ? 150 : 215, 40, 255];
    // What each code looks like, as one number of four bytes: plain, faint where others are chosen, and chosen.
    const looks = [plain, faint, full].map((alpha) => Uint32Array.from({ length: top + 1 }, (_, code) => {
      const [r, g, b] = (typeof list === "function" ? list(code) : list[code]).map((part) => Math.round(part * 255));
      return hidden.has(code) ? 0 : ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
    }));
    if (count === 0) for (let at = 0; at < n; at += 1) paint[at] = looks[0][own[at]];
    else for (let at = 0; at < n; at += 1) paint[at] = looks[1 + chosen[at]][own[at]];
    gl.bindBuffer(gl.ARRAY_BUFFER, painted);
    gl.bufferData(gl.ARRAY_BUFFER, paint, gl.DYNAMIC_DRAW);
    draw();
  };

  let waiting = 0;
  const draw = () => {
    waiting ||= requestAnimationFrame(render);
  };
  const render = () => {
    waiting = 0;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [w, h] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    gl.viewport(0, 0, w, h);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const room = Math.min(canvas.clientWidth, canvas.clientHeight);
    const size = ratio * Math.max(1.6, Math.min(9, (room / Math.sqrt(n)) * Math.sqrt(scale)));
    gl.uniform2fv(uniform.centre, centre);
    gl.uniform2fv(uniform.stretch, stretch());
    gl.uniform1f(uniform.size, size);
    gl.uniform1f(uniform.round, size > 3 ? 1 : 0);
    gl.drawArrays(gl.POINTS, 0, n);
    if (!box.dataset.drawn) {
      gl.finish();
      box.dataset.drawn = String(Math.round(performance.now()));
      load();
    }
  };

  // between the page and the map

  const toMap = (x, y) => {
    const [sx, sy] = stretch();
    return [
      ((2 * x) / canvas.clientWidth - 1) / sx + centre[0],
      (1 - (2 * y) / canvas.clientHeight) / sy + centre[1],
    ];
  };
  const at = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  const zoom = (factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    const before = toMap(x, y);
    scale = Math.max(0.7, Math.min(400, scale * factor));
    const now = toMap(x, y);
    centre = [centre[0] + before[0] - now[0], centre[1] + before[1] - now[1]];
    draw();
  };
  const shift = (dx, dy) => {
    const [sx, sy] = stretch();
    centre = [centre[0] - (2 * dx) / canvas.clientWidth / sx, centre[1] + (2 * dy) / canvas.clientHeight / sy];
    draw();
  };
  const whole = () => {
    [scale, centre] = [1, [0.5, 0.5]];
    draw();
  };

  // choosing

  const choose = (holds, add = false) => {
    const own = codes[colour];
    if (!add) chosen.fill(0);
    for (let one = 0; one < n; one += 1) {
      if (!hidden.has(own[one]) && holds(xs[one] / 65535, ys[one] / 65535, one)) chosen[one] = 1;
    }
    tell();
  };

  const tell = () => {
    count = chosen.reduce((a, b) => a + b, 0);
    const shares = new Map();
    for (let one = 0; one < n; one += 1) if (chosen[one]) shares.set(theme[one], (shares.get(theme[one]) ?? 0) + 1);
    const most = [...shares].sort((a, b) => b[1] - a[1]).slice(0, 4)
      .map(([code, here]) => `${here.toLocaleString("en")} of ${data.themes[code].name}`);
    status.textContent = count ? `${wk.some(count)} chosen: ${most.join(", ")}${shares.size > 4 ? " and others" : ""}.` : "Nothing is chosen. Draw around some dots.";
    acting.hidden = count === 0;
    thumbs();
    repaint();
  };

  const inside = (loopPoints) => {
    const x = loopPoints.map((point) => point[0]);
    const y = loopPoints.map((point) => point[1]);
    const [left, right, low, high] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
    return (px, py) => {
      if (px < left || px > right || py < low || py > high) return false;
      let odd = false;
      for (let i = 0, j = x.length - 1; i < x.length; j = i, i += 1) {
        if (y[i] > py !== y[j] > py && px < ((x[j] - x[i]) * (py - y[i])) / (y[j] - y[i]) + x[i]) odd = !odd;
      }
      return odd;
    };
  };

  const view = () => {
    const [left, top] = toMap(0, 0);
    const [right, low] = toMap(canvas.clientWidth, canvas.clientHeight);
    choose((x, y) => x >= left && x <= right && y >= low && y <= top);
  };

  // ids come after the first drawing: they are the larger part

  let ids = null;
  const load = () => {
    const script = wk.make("script", { src: `${wk.up}data/map-ids.js` });
    script.addEventListener("load", () => {
      ids = bytes(globalThis.wkIds);
      delete globalThis.wkIds;
      box.dataset.known = "yes";
      thumbs();
    });
    document.head.append(script);
  };
  const hex = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));
  const id = (one) => {
    const own = ids.subarray(34 * one, 34 * one + 34);
    const face = 256 * own[32] + own[33];
    return Array.from(own.subarray(0, 32), (value) => hex[value]).join("") + (face ? `-${face}` : "");
  };
  const all = () => Array.from(chosen.keys()).filter((one) => chosen[one]).map(id);
  const thumb = (name) => {
    const prepared = box.dataset.prepared === "yes";
    if (wk.live) return `${wk.up}picture/${name}/${prepared ? "prepared" : "thumb"}.webp`;
    return `${wk.up}pictures/${prepared ? "a-" : ""}${name}.webp`;
  };

  const thumbs = () => {
    if (!ids) return;
    const some = [];
    const step = Math.max(1, Math.floor(count / SHOWN));
    let seen = 0;
    for (let one = 0; one < n && some.length < SHOWN; one += 1) {
      if (chosen[one]) {
        if (seen % step === 0) some.push(one);
        seen += 1;
      }
    }
    byId("shown").replaceChildren(...some.map((one, place) => {
      const name = id(one);
      const picture = wk.make("img", { src: thumb(name), alt: `picture ${place + 1}, of ${data.themes[theme[one]].name}`, loading: "lazy", decoding: "async" });
      const tile = wk.make("li", { class: "tile" }, wk.make("a", { class: "frame", href: `${wk.up}pictures/${name}.html` }, picture));
      picture.addEventListener("error", () => tile.remove());
      return tile;
    }));
  };

  // legend

  const legend = () => {
    const words = named();
    if (!words) {
      const date = (add) => new Date((data.first + add) * 86400000).toISOString().slice(0, 10);
      const span = day.reduce((a, b) => Math.max(a, b), 0);
      byId("legend").replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((share) => wk.make("li", {}, swatch(ramp(share)), date(Math.round(share * span)))));
      return;
    }
    const list = palette(words.length);
    const sizes = new Uint32Array(words.length);
    for (const code of codes[colour]) sizes[code] += 1;
    byId("legend").replaceChildren(...words.map((word, code) => {
      const button = wk.make("button", { class: "quiet", "aria-pressed": String(!hidden.has(code)), title: "Show or hide" }, swatch(list[code]),
        wk.make("bdi", {}, word), " ", wk.make("b", {}, sizes[code].toLocaleString("en")));
      button.addEventListener("click", () => {
        if (hidden.has(code)) hidden.delete(code);
        else hidden.add(code);
        button.setAttribute("aria-pressed", String(!hidden.has(code)));
        repaint();
      });
      return wk.make("li", {}, button);
    }));
  };
  const swatch = (rgb) => {
    const made = wk.make("span", { class: "swatch", "aria-hidden": "true" });
    made.style.background = css(rgb);
    return made;
  };

  // pointer

  let tool = "lasso";
  let drag = null;
  const use = (name) => {
    tool = name;
    byId("pan").setAttribute("aria-pressed", String(name === "pan"));
    byId("lasso").setAttribute("aria-pressed", String(name === "lasso"));
    canvas.classList.toggle("panning", name === "pan");
  };
  const trace = (points) => loop.firstElementChild.setAttribute("d", points.length ? `M${points.map((p) => p.join(" ")).join("L")}Z` : "");
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    drag = { kind: tool === "pan" || event.button === 1 ? "pan" : "lasso", points: [at(event)], last: at(event) };
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = at(event);
    if (!drag) return hover(now);
    if (drag.kind === "pan") shift(now[0] - drag.last[0], now[1] - drag.last[1]);
    else if (Math.hypot(now[0] - drag.last[0], now[1] - drag.last[1]) > 3) {
      drag.points.push(now);
      trace(drag.points);
    } else return;
    drag.last = now;
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag?.kind === "lasso" && drag.points.length > 2) choose(inside(drag.points.map(([x, y]) => toMap(x, y))), event.shiftKey);
    else if (drag?.points.length === 1 && nearest(drag.last) !== null) open(nearest(drag.last));
    trace([]);
    drag = null;
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), ...at(event));
  }, { passive: false });

  /** The dot under the pointer, or null. */
  const nearest = ([x, y]) => {
    const [mx, my] = toMap(x, y);
    const [sx] = stretch();
    let reach = (14 / canvas.clientWidth / sx) ** 2;
    let found = null;
    const own = codes[colour];
    for (let one = 0; one < n; one += 1) {
      const far = (xs[one] / 65535 - mx) ** 2 + (ys[one] / 65535 - my) ** 2;
      if (far < reach && !hidden.has(own[one])) [reach, found] = [far, one];
    }
    return found;
  };
  const hover = (where) => {
    if (!ids) return;
    const one = nearest(where);
    tip.hidden = one === null;
    if (one === null || tip.dataset.one === String(one)) return;
    tip.dataset.one = one;
    const picture = wk.make("img", { src: thumb(id(one)), alt: "" });
    picture.addEventListener("error", () => picture.remove());
    tip.replaceChildren(picture, wk.make("span", {}, data.themes[theme[one]].name));
    tip.style.left = `${Math.min(where[0] + 14, canvas.clientWidth - 140)}px`;
    tip.style.top = `${Math.min(where[1] + 14, canvas.clientHeight - 150)}px`;
  };
  const open = (one) => {
    if (ids) location.href = `${wk.up}pictures/${id(one)}.html`;
  };

  // wiring

  const paths = { pan: () => use("pan"), lasso: () => use("lasso"), closer: () => zoom(1.5), farther: () => zoom(1 / 1.5), all: whole, view };
  for (const [name, act] of Object.entries(paths)) byId(name).addEventListener("click", act);
  byId("none").addEventListener("click", () => choose(() => false));
  byId("colour").addEventListener("change", (event) => {
    colour = event.target.value;
    hidden.clear();
    legend();
    repaint();
  });
  byId("list").addEventListener("click", () => {
    const lines = Array.from(chosen.keys()).filter((one) => chosen[one])
      .map((one) => [id(one), data.themes[theme[one]].id, data.themes[theme[one]].name, data.sources[codes.source[one]], data.licences[codes.licence[one]]]);
    wk.save(`${document.body.dataset.corpus}-chosen.csv`, wk.csv(["id", "theme", "name", "source", "licence"], lines));
  });
  const steer = (dx, dy) => () => (document.activeElement === canvas ? shift(dx, dy) : false);
  wk.keys({
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: whole, v: view,
    l: () => use(tool === "lasso" ? "pan" : "lasso"), Escape: () => choose(() => false),
    ArrowLeft: steer(60, 0), ArrowRight: steer(-60, 0), ArrowUp: steer(0, 60), ArrowDown: steer(0, -60),
  });
  const dropped = () => choose(() => false);
  const make = async () => {
    if (!count || !ids) return;
    const field = byId("new-name");
    byId("naming-title").textContent = `A theme of ${wk.some(count)}`;
    if ((await wk.asked(byId("naming"))) !== "yes") return;
    if (await wk.decide("theme", { pictures: all(), name: field.value.trim() })) setTimeout(() => location.reload(), 900);
  };
  const reject = async () => {
    if (count && ids && (await wk.decide("reject", { pictures: all() }))) dropped();
  };
  if (wk.live) {
    byId("theme").addEventListener("click", make);
    byId("reject").addEventListener("click", reject);
    wk.keys({ t: () => void make(), x: () => void reject() });
    document.addEventListener("undone", () => setTimeout(() => location.reload(), 900));
  }
  dark.addEventListener("change", () => {
    legend();
    repaint();
  });
  new ResizeObserver(draw).observe(canvas);
  byId("method").textContent = `Laid out by ${data.method}.`;
  use("lasso");
  repaint();
  legend();
})();
