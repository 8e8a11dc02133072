// GANs, live: start and stop a training; choose samples, add and subtract them, see what comes of it.
"use strict";

(() => {
  for (const box of document.querySelectorAll(".acts[data-theme]")) {
    const theme = Number(box.dataset.theme);
    for (const action of ["start", "stop"]) {
      box.querySelector(`.${action}`)?.addEventListener("click", async () => {
        const answer = await wk.ask("api/runs", { action, theme });
        if (answer) wk.say(answer.said ?? (action === "start" ? "It trains on." : "It stops after this step."));
      });
    }
  }

  const box = document.getElementById("mix");
  if (!box) return;
  const image = document.getElementById("samples");
  const cells = document.getElementById("cells");
  const signs = new Map(); // number of a sample: 1 or -1

  const tell = () => {
    const of = (sign) => [...signs].filter(([, value]) => value === sign).map(([at]) => at);
    const [plus, minus] = [of(1), of(-1)];
    const words = [plus.length ? `mean of samples ${plus.join(", ")}` : "", minus.length ? `less mean of samples ${minus.join(", ")}` : ""];
    document.getElementById("sum").textContent = words.join(" ").trim() || "Nothing chosen yet.";
    document.getElementById("make").disabled = plus.length === 0;
    for (const cell of cells.children) {
      const sign = signs.get(Number(cell.dataset.at)) ?? 0;
      cell.textContent = { 1: "+", "-1": "−", 0: "" }[sign];
      cell.className = { 1: "plus", "-1": "minus", 0: "" }[sign];
      cell.setAttribute("aria-label", `Sample ${cell.dataset.at}${{ 1: ", added", "-1": ", subtracted", 0: "" }[sign]}`);
    }
    return { plus, minus };
  };
  const set = (at, sign) => {
    if (sign) signs.set(at, sign);
    else signs.delete(at);
    tell();
  };

  const lay = () => {
    const across = Number(box.dataset.grid) || 8;
    const down = Math.max(1, Math.round((across * image.naturalHeight) / image.naturalWidth));
    cells.style.gridTemplateColumns = `repeat(${across}, 1fr)`;
    cells.replaceChildren();
    for (let at = 0; at < across * down; at += 1) {
      const cell = wk.make("button", { "data-at": at, ".tabIndex": at ? -1 : 0 });
      cell.addEventListener("click", () => set(at, { 0: 1, 1: -1, "-1": 0 }[signs.get(at) ?? 0]));
      cells.append(cell);
    }
    cells.addEventListener("keydown", (event) => {
      const at = Number(event.target.dataset.at);
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
      const sign = { "+": 1, "-": -1, "0": 0 }[event.key];
      if (by && cells.children[at + by]) {
        event.target.tabIndex = -1;
        cells.children[at + by].tabIndex = 0;
        cells.children[at + by].focus();
      } else if (sign !== undefined) set(at, sign);
      else return;
      event.preventDefault();
    });
    tell();
  };
  if (image.complete && image.naturalWidth) lay();
  else image.addEventListener("load", lay, { once: true });

  document.getElementById("clear").addEventListener("click", () => {
    signs.clear();
    tell();
  });
  document.getElementById("make").addEventListener("click", async () => {
    const { plus, minus } = tell();
    const made = await wk.ask("api/mix", { run: Number(box.dataset.run), plus, minus });
    if (!(made instanceof Blob)) return;
    const picture = wk.make("img", { alt: `The mean of ${plus.length} samples less the mean of ${minus.length}`, src: URL.createObjectURL(made) });
    document.getElementById("mixed").prepend(wk.make("figure", {}, picture,
      wk.make("figcaption", {}, `${plus.join(",")}${minus.length ? ` − ${minus.join(",")}` : ""}`)));
  });
})();
