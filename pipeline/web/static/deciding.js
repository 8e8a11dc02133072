// Decisions on single pictures and pairs: rescue, reject, not a duplicate, undo; limits that can be tried out.
"use strict";

(() => {
  // limits

  const limits = JSON.parse(document.getElementById("limits")?.textContent ?? "{}");
  const moved = new Map();
  let asking = 0;
  const tell = (box, slider) => {
    const limit = limits[box.dataset.reason];
    const at = Number(slider.value);
    const stop = limit.stops[at];
    box.querySelector("output").textContent =
      `${Number(stop.toPrecision(4))}: rejects ${wk.number(limit.lost[at])} of ${wk.number(limit.total)} by itself`;
    moved.set(limit.key, stop);
    if (!wk.live) return;
    clearTimeout(asking);
    asking = setTimeout(() => void together(box), 150);
  };
  const together = async (box) => {
    const asked = new URLSearchParams([...moved].map(([key, value]) => [key, String(value)]));
    const found = await wk.ask(`api/count?${asked}`);
    if (found) box.querySelector("output").textContent += `; ${wk.number(found.kept)} kept with all limits as they stand`;
  };
  for (const box of document.querySelectorAll(".limit")) {
    const slider = box.querySelector("input");
    slider.disabled = false;
    slider.addEventListener("input", () => tell(box, slider));
  }

  // pictures that are walked

  const walked = wk.Tiles ? [...document.querySelectorAll("ul.walk")].map((list) => new wk.Tiles(list)) : [];
  const rescue = async (ids, where) => {
    if (!ids.length || !(await wk.decide("rescue", { pictures: ids }))) return;
    const note = where?.querySelector(".note");
    if (note) note.textContent = "rescued: comes back with the next edition";
    where?.classList.add("kept");
  };
  if (walked.length) {
    const active = () => walked.find((one) => one.list.contains(document.activeElement)) ?? walked[0];
    const keys = Object.keys(walked[0].keys()).filter((key) => key !== "a");
    wk.keys(Object.fromEntries(keys.map((key) => [key, (event) => active().keys()[key](event)])));
    if (wk.live) wk.keys({ r: () => void rescue([active().id].filter(Boolean), active().current) });
    for (const one of walked) {
      if (!wk.live) continue;
      for (const tile of one.tiles) {
        const button = wk.make("button", { class: "quiet" }, "Rescue");
        button.addEventListener("click", () => rescue([tile.dataset.id], tile));
        tile.querySelector("figcaption").append(button);
      }
    }
  }

  // buttons

  const once = (button, said) => {
    button.disabled = true;
    button.textContent = said;
  };
  for (const button of document.querySelectorAll("button.apart")) {
    button.addEventListener("click", async () => {
      if (await wk.decide("different", { pictures: button.dataset.pair.split(" ") })) once(button, "Declared not a duplicate");
    });
  }
  for (const [name, action, said] of [["drop", "reject", "Rejected"], ["rescue", "rescue", "Rescued"]]) {
    for (const button of document.querySelectorAll(`button.${name}[data-id]`)) {
      button.addEventListener("click", async () => {
        if (await wk.decide(action, { pictures: [button.dataset.id] })) once(button, said);
      });
    }
  }
  for (const button of document.querySelectorAll("button.undo[data-event]")) {
    button.addEventListener("click", () => wk.undo(button.dataset.event));
  }
  if (wk.live) document.addEventListener("undone", () => setTimeout(() => location.reload(), 900));
})();
