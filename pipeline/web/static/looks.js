// GANs, live: start and stop a training; choose samples, add and subtract them, see what comes of it.
"use strict";

(() => {
  const training = [...document.querySelectorAll(".acts[data-theme]")];
  const words = {
    running: "It is being trained", stopping: "It stops after this step", stopped: "It was stopped; it goes on from there",
    done: "It is trained", failed: "It could not be trained: below it says why",
  };
  const busy = (job) => job.state === "running" || job.state === "stopping";
  let asking = 0;
  let known = [];

  /** The state and the end of the log of each training; once one has ended its pictures are in the pages. */
  const show = (jobs) => {
    const ended = jobs.some((job) => !busy(job) && known.some((old) => old.theme === job.theme && busy(old)));
    known = jobs;
    for (const box of training) {
      const job = jobs.find((one) => one.theme === Number(box.dataset.theme));
      box.querySelector(".start").disabled = jobs.some(busy);
      box.querySelector(".stop").disabled = job?.state !== "running";
      if (!job) continue;
      const about = box.nextElementSibling;
      const log = about.querySelector(".log");
      about.hidden = false;
      about.querySelector(".state").textContent = `${words[job.state]}. Begun at ${new Date(job.began * 1000).toTimeString().slice(0, 5)}.`;
      log.textContent = job.log.trimEnd();
      log.scrollTop = log.scrollHeight;
      if (job.state === "failed") about.querySelector("details").open = true;
    }
    if (ended && jobs.every((job) => job.state !== "failed")) setTimeout(() => location.reload(), 1500);
  };
  const look = async () => {
    clearTimeout(asking);
    const found = await wk.ask("api/runs");
    if (!found) return;
    show(found.runs);
    if (found.runs.some(busy)) asking = setTimeout(look, 2000);
  };
  for (const box of training) {
    const theme = Number(box.dataset.theme);
    for (const action of ["start", "stop"]) {
      box.querySelector(`.${action}`).addEventListener("click", async () => {
        const answer = await wk.ask("api/runs", { action, theme });
        if (!answer) return;
        wk.say(action === "start" ? "The training begins." : "It stops after this step.");
        await look();
      });
    }
  }
  if (training.length) void look();

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
