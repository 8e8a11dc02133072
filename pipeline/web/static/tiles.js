// A grid of pictures that is walked with keys: one has the focus, space looks closer, a chooses.
"use strict";

wk.Tiles = class {
  /** `list` holds `li.tile[data-id]`; `hooks.chosen` is told when the choice changes, `hooks.closer` fills the view. */
  constructor(list, hooks = {}) {
    this.list = list;
    this.hooks = hooks;
    this.chosen = new Set();
    this.from = null;
    list.addEventListener("focusin", (event) => this.arrive(event.target.closest("li.tile")));
    list.addEventListener("click", (event) => this.clicked(event));
    this.renew();
  }

  /** Take up the tiles that stand in the list now. */
  renew() {
    this.tiles = [...this.list.querySelectorAll(":scope > li.tile")];
    this.places = new Map(this.tiles.map((tile, at) => [tile, at]));
    for (const tile of this.tiles) this.handle(tile).tabIndex = -1;
    const now = this.tiles.includes(this.current) ? this.current : this.tiles[0];
    this.current = now ?? null;
    if (now) this.handle(now).tabIndex = 0;
    this.mark();
  }

  handle(tile) { return tile.querySelector(".frame"); }

  get id() { return this.current?.dataset.id ?? null; }

  get at() { return this.places.get(this.current) ?? 0; }

  /** The chosen ids in the order of the list, or the one with the focus. */
  get picked() {
    if (this.chosen.size) return [...this.chosen];
    return this.id && this.list.contains(document.activeElement) ? [this.id] : [];
  }

  arrive(tile) {
    if (!tile || tile === this.current) return;
    if (this.current) this.handle(this.current).tabIndex = -1;
    this.current = tile;
    this.handle(tile).tabIndex = 0;
    this.hooks.arrived?.(tile);
  }

  focus(at) {
    const tile = this.tiles[Math.max(0, Math.min(at, this.tiles.length - 1))];
    if (!tile) return;
    this.arrive(tile);
    this.handle(tile).focus();
    tile.scrollIntoView({ block: "nearest", behavior: wk.still ? "auto" : "smooth" });
  }

  /** How many tiles stand in a row. */
  get columns() {
    const top = this.tiles[0]?.offsetTop;
    const next = this.tiles.findIndex((tile) => tile.offsetTop !== top);
    return next < 1 ? Math.max(1, this.tiles.length) : next;
  }

  move(by, choosing = false) {
    if (!this.list.contains(document.activeElement)) return this.focus(this.at);
    const start = this.at;
    const to = Math.max(0, Math.min(start + by, this.tiles.length - 1));
    if (choosing) {
      this.from ??= start;
      this.choose(Math.min(this.from, to), Math.max(this.from, to));
    }
    return this.focus(to);
  }

  choose(first, last) {
    for (let at = first; at <= last; at += 1) this.chosen.add(this.tiles[at].dataset.id);
    this.mark();
  }

  /** `a`: the first press chooses a picture and marks an end of a range, the second chooses up to here. */
  range() {
    if (this.from !== null && this.from !== this.at && this.chosen.size) {
      this.choose(Math.min(this.from, this.at), Math.max(this.from, this.at));
      this.from = null;
    } else if (this.chosen.has(this.id)) {
      this.chosen.delete(this.id);
      this.from = null;
      this.mark();
    } else {
      this.from = this.at;
      this.choose(this.at, this.at);
    }
  }

  clear() {
    this.chosen.clear();
    this.from = null;
    this.mark();
  }

  mark() {
    for (const tile of this.tiles) {
      const chosen = this.chosen.has(tile.dataset.id);
      tile.classList.toggle("picked", chosen);
      if (chosen) this.handle(tile).setAttribute("aria-current", "true");
      else this.handle(tile).removeAttribute("aria-current");
    }
    this.hooks.chosen?.(this.chosen.size);
  }

  /** With a modifier a click chooses, without one it follows the link. */
  clicked(event) {
    const tile = event.target.closest("li.tile");
    if (!tile || !(event.shiftKey || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const at = this.places.get(tile);
    if (event.shiftKey) this.choose(Math.min(this.from ?? this.at, at), Math.max(this.from ?? this.at, at));
    else if (this.chosen.has(tile.dataset.id)) this.chosen.delete(tile.dataset.id);
    else this.chosen.add(tile.dataset.id);
    this.from = at;
    this.arrive(tile);
    this.handle(tile).focus();
    this.mark();
  }

  /** The picture with the focus, as large as it can be had; arrows go on, space and Esc close. */
  closer() {
    if (!this.current) return;
    this.view ??= this.viewer();
    this.fill();
    this.view.showModal();
  }

  viewer() {
    const view = wk.make("dialog", { class: "closer", "aria-label": "A closer look" });
    view.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, l: 1, ArrowLeft: -1, h: -1 }[event.key];
      if (by) {
        const to = this.tiles[this.at + by];
        if (to) {
          this.arrive(to);
          this.fill();
        }
      } else if (event.key === " ") view.close();
      else if (!this.hooks.inside?.(event.key)) return;
      event.preventDefault();
    });
    view.addEventListener("click", (event) => event.target === view && view.close());
    view.addEventListener("close", () => {
      if (document.activeElement?.matches("body, .frame")) this.focus(this.at);
    });
    document.body.append(view);
    return view;
  }

  fill() {
    const tile = this.current;
    const small = tile.querySelector("img");
    const id = tile.dataset.id;
    const source = wk.live && small ? `${wk.up}picture/${id}/large.webp` : small?.src;
    const words = tile.querySelector("figcaption")?.cloneNode(true) ?? "";
    const close = wk.make("button", { class: "quiet", autofocus: true }, "Close");
    close.addEventListener("click", () => this.view.close());
    const picture = source ? wk.make("img", { src: source, alt: small.alt }) : wk.make("p", {}, "no picture");
    const link = tile.querySelector("a.frame");
    this.view.replaceChildren(
      wk.make("figure", {}, wk.make("div", { class: "plate" }, picture), words),
      wk.make("p", { class: "buttons" }, link ? wk.make("a", { href: link.href }, "Everything known of it") : null, close),
    );
    close.focus();
  }

  /** The keys of a walked grid. */
  keys() {
    const step = (by) => (event) => this.move(by(), event.shiftKey);
    const here = (act) => (event) => (this.list.contains(event.target) || event.target === document.body ? act() : false);
    return {
      ArrowLeft: step(() => -1), ArrowRight: step(() => 1),
      ArrowUp: step(() => -this.columns), ArrowDown: step(() => this.columns),
      h: step(() => -1), l: step(() => 1), j: step(() => this.columns), i: step(() => -this.columns),
      k: step(() => -this.columns),
      Home: here(() => this.focus(0)), End: here(() => this.focus(this.tiles.length - 1)),
      " ": here(() => this.closer()), a: here(() => this.range()), Escape: () => this.clear(),
    };
  }
};
