// The themes, live: rename, merge those that are ticked, split with a preview, hide.
"use strict";

(() => {
  const byId = (name) => document.getElementById(name);
  const cards = () => [...document.querySelectorAll(".card[data-theme]")];
  const number = (card) => Number(card.dataset.theme);
  const named = (card) => card.querySelector(".to").textContent.replace(/\s+/g, " ").trim();
  const bar = byId("ticked");
  if (!bar) return;

  /** After a decision that changes which themes there are, the page is drawn anew by the server. */
  const renew = () => setTimeout(() => location.reload(), 900);

  const ticked = () => cards().filter((card) => card.querySelector(".tick input").checked);

  const tick = () => {
    const found = ticked();
    bar.hidden = found.length === 0;
    byId("ticked-count").textContent = `${wk.some(found.length, "theme")} ticked`;
    byId("merge").disabled = found.length < 2;
    const largest = [...found].sort((a, b) => b.dataset.size - a.dataset.size);
    byId("merge-into").replaceChildren(...largest.map((card) => wk.make("option", { value: number(card) }, named(card))));
  };

  byId("merge").addEventListener("click", async () => {
    const themes = ticked().map(number);
    if (await wk.decide("merge", { themes, into: Number(byId("merge-into").value) })) renew();
  });
  byId("untick").addEventListener("click", () => {
    for (const card of cards()) card.querySelector(".tick input").checked = false;
    tick();
  });

  const rename = async (card) => {
    const field = byId("new-name");
    byId("renaming-title").textContent = `Rename ${card.querySelector(".nr").textContent}`;
    field.value = card.querySelector(".name").textContent;
    const asked = wk.asked(byId("renaming"));
    field.select();
    if ((await asked) !== "yes") return;
    const name = field.value.trim();
    if (await wk.decide("rename", { theme: number(card), name })) {
      card.querySelector(".name bdi").textContent = name;
      card.querySelector(".rename").focus();
    }
  };

  let plan = null;
  const preview = async (card) => {
    const k = Number(byId("parts").value);
    byId("parts-said").textContent = `${k} parts`;
    byId("split-yes").disabled = true;
    byId("preview").replaceChildren(wk.make("p", { class: "small" }, "Looking how it would fall apart…"));
    plan = await wk.ask(`api/split?theme=${number(card)}&k=${k}`);
    if (!plan) return;
    byId("split-yes").disabled = false;
    byId("preview").replaceChildren(...plan.parts.map((part, at) => wk.make("section", { "aria-label": `Part ${at + 1}` },
      wk.make("h3", {}, `Part ${at + 1} `, wk.make("span", { class: "count" }, wk.some(part.size))),
      wk.make("ul", { class: "nine" }, ...part.medoids.slice(0, 9).map((id, place) => wk.make("li", {},
        wk.make("img", { src: `${wk.up}picture/${id}/thumb.webp`, alt: `picture ${place + 1} of part ${at + 1}` })))))));
  };

  let splitting = null;
  let waiting = 0;
  byId("parts").addEventListener("input", () => {
    byId("parts-said").textContent = `${byId("parts").value} parts`;
    clearTimeout(waiting);
    waiting = setTimeout(() => preview(splitting), 250);
  });
  byId("split-no").addEventListener("click", () => byId("splitting").close());
  byId("split-yes").addEventListener("click", async () => {
    byId("splitting").close();
    if (plan && (await wk.decide("split", { token: plan.token }))) renew();
  });
  const split = (card) => {
    splitting = card;
    byId("splitting-title").textContent = `Split ${named(card)}`;
    byId("parts").value = 2;
    byId("splitting").showModal();
    void preview(card);
  };

  const hide = async (card) => {
    if (!(await wk.decide("hide", { theme: number(card) }))) return;
    const next = card.nextElementSibling ?? card.previousElementSibling;
    card.hidden = true;
    next?.querySelector(".to")?.focus();
  };

  for (const card of cards()) {
    card.querySelector(".tick input").addEventListener("change", tick);
    for (const [name, act] of [["rename", rename], ["split", split], ["hide", hide]]) {
      card.querySelector(`.${name}`).addEventListener("click", () => act(card));
    }
  }
  for (const card of document.querySelectorAll(".proposal")) {
    card.querySelector(".accept").addEventListener("click", async () => {
      const made = await wk.decide("theme", { pictures: card.dataset.pictures.split(" "), name: card.dataset.name });
      if (made) renew();
    });
  }
  document.addEventListener("undone", renew);
  tick();
})();
