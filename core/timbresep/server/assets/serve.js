/* The page: choose, wait, listen. All state is on the server; a job's name is in the address. */
"use strict";

(() => {
  const get = (id) => document.getElementById(id);
  const HEADERS = { "X-Timbresep": "1" };
  let job = null;

  async function ask(path, options = {}) {
    const answer = await fetch(path, { ...options, headers: HEADERS });
    if (answer.status === 204) return null;
    const told = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
    if (!answer.ok) {
      const text = told.error || "the request is not complete";
      throw new Error(told.advice ? `${text} – ${told.advice}` : text);
    }
    return told;
  }

  const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  function say(id, text, bad = false) {
    get(id).textContent = text;
    get(id).classList.toggle("error", bad);
  }

  function option(select, value, text, disabled = false) {
    const made = document.createElement("option");
    Object.assign(made, { value, textContent: text, disabled });
    select.append(made);
  }

  function instrument({ name, score, picture }) {
    const label = document.createElement("label");
    label.className = "instrument";
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: name });
    const text = Object.assign(document.createElement("span"), { textContent: name.replaceAll("_", " ") });
    label.append(box, text);
    const quality = document.createElement("span");
    quality.className = "score";
    quality.textContent = score === null ? "new" : `+${score.toFixed(1)} dB`;
    label.append(quality);
    if (picture) {
      const image = document.createElement("img");
      Object.assign(image, { src: `/api/instruments/${name}/picture`, alt: "", loading: "lazy" });
      label.append(image);
    }
    return label;
  }

  async function showOffer() {
    const offer = await ask("/api/offer");
    get("limits").textContent =
      `up to ${Math.round(offer.upload / 1e6)} MB and ${Math.round(offer.length / 60)} minutes`;
    for (const id of ["preset", "separator", "reference-name"]) {
      get(id).replaceChildren(...[...get(id).options].filter((each) => each.value === ""));
    }
    for (const { name, about } of offer.presets) option(get("preset"), name, `${name}: ${about}`);
    for (const { name, about, missing } of offer.separators) {
      const text = missing ? `${name} (not ready)` : `${about}${name === offer.default ? ", default" : ""}`;
      option(get("separator"), name, text, Boolean(missing));
    }
    for (const { name } of offer.instruments) option(get("reference-name"), name, name);
    get("instruments").replaceChildren(...offer.instruments.map(instrument));
  }

  function chosen() {
    return [...get("instruments").querySelectorAll("input:checked")].map((box) => box.value);
  }

  async function start(event) {
    event.preventDefault();
    const file = get("file").files[0];
    if (!file) {
      say("told", "Choose a recording first.", true);
      get("file").focus();
      return;
    }
    const form = new FormData();
    form.append("file", file);
    for (const id of ["preset", "separator", "quality"]) form.append(id, get(id).value);
    form.append("instruments", chosen().join(","));
    if (get("score").files[0]) form.append("score", get("score").files[0]);
    for (const note of get("reference").files) form.append("reference", note);
    if (get("reference").files.length) form.append("reference_name", get("reference-name").value);
    get("start").disabled = true;
    say("told", "Sending …");
    try {
      const { id } = await ask("/api/jobs", { method: "POST", body: form });
      say("told", "");
      await follow(id);
    } catch (problem) {
      say("told", problem.message, true);
    } finally {
      get("start").disabled = false;
    }
  }

  function told({ state, share, left, ahead }) {
    if (state === "waiting") return ahead ? `${ahead} before it` : "waiting";
    const text = `${Math.round(100 * share)} %`;
    if (left === null) return share ? text : "loading";
    const minutes = Math.floor(left / 60), seconds = String(Math.round(left % 60)).padStart(2, "0");
    return `${text}, ${minutes}:${seconds} left`;
  }

  async function follow(id) {
    job = id;
    history.replaceState(null, "", `#${id}`);
    get("result").hidden = true;
    get("progress").hidden = false;
    try {
      for (;;) {
        if (job !== id) return;
        const found = await ask(`/api/jobs/${id}`);
        if (job !== id) return;
        get("progress-title").textContent = found.title;
        get("bar").value = found.share;
        say("left", told(found));
        if (found.state === "done") return show(id, found.result);
        if (found.state === "failed") throw new Error(found.error);
        if (found.state === "cancelled") return;
        await wait(400);
      }
    } finally {
      if (job === id) get("progress").hidden = true;
    }
  }

  function link(address, text) {
    const made = document.createElement("a");
    Object.assign(made, { href: address, textContent: text, download: "" });
    return made;
  }

  function show(id, result) {
    get("form").hidden = true;
    get("result").hidden = false;
    get("result-title").textContent = result.file;
    const absent = Object.keys(result.absent).map((name) => name.replaceAll("_", " "));
    const remarks = [...result.remarks];
    if (absent.length) remarks.push(`Left out, since they do not seem to play: ${absent.join(", ")}.`);
    get("absent").textContent = remarks.join(" ");
    const players = document.createElement("div");
    get("players").replaceChildren(players);
    window.timbresepMixers.length = 0;
    const base = `/api/jobs/${id}`;
    window.timbresepMixer(
      players,
      result.tracks.map((track) => ({ ...track, src: `${base}/audio/${track.src}` })),
    );
    get("downloads").replaceChildren(
      link(`${base}/zip`, "all (zip)"),
      ...(result.stem_file ? [link(`${base}/stem-file`, "STEM file")] : []),
      ...result.stems.map((name) => link(`${base}/stems/${name}`, name)),
    );
    const rows = [...result.everyone].sort((one, other) => other.plays - one.plays || other.level - one.level);
    get("everyone").tBodies[0].replaceChildren(...rows.map((each) => {
      const row = document.createElement("tr");
      const cells = [
        each.name.replaceAll("_", " "), each.plays ? "yes" : "seems absent", each.level.toFixed(0),
        each.notes === null ? "–" : String(each.notes), each.range,
      ];
      cells.forEach((text, place) => {
        const cell = document.createElement(place ? "td" : "th");
        cell.textContent = text;
        if (place === 2 || place === 3) cell.className = "number";
        row.append(cell);
      });
      return row;
    }));
    get("result-title").focus();
  }

  async function cancel() {
    const id = job;
    job = null;
    history.replaceState(null, "", location.pathname);
    get("progress").hidden = true;
    say("told", "Cancelled.");
    await ask(`/api/jobs/${id}`, { method: "DELETE" }).catch(() => null);
  }

  function again() {
    if (window.timbresepMixers[0] && window.timbresepMixers[0].playing) window.timbresepMixers[0].pause();
    get("players").replaceChildren();
    get("result").hidden = true;
    get("form").hidden = false;
    history.replaceState(null, "", location.pathname);
    get("file").focus();
  }

  async function make(event) {
    event.preventDefault();
    const form = new FormData();
    form.append("name", get("new-name").value);
    for (const note of get("new-notes").files) form.append("notes", note);
    get("make").disabled = true;
    try {
      const { id } = await ask("/api/instruments", { method: "POST", body: form });
      for (;;) {
        const found = await ask(`/api/jobs/${id}`);
        if (found.state === "failed") throw new Error(found.error);
        if (found.state === "done") {
          say("new-told", `${found.result.instrument} is in the list, from ${found.result.notes} notes.`);
          await showOffer();
          return;
        }
        say("new-told", told(found));
        await wait(500);
      }
    } catch (problem) {
      say("new-told", problem.message, true);
    } finally {
      get("make").disabled = false;
    }
  }

  function shownFile() {
    const file = get("file").files[0];
    get("file-name").textContent = file ? `${file.name} (${(file.size / 1e6).toFixed(1)} MB)` : "Choose an audio file, or drop one here.";
  }

  get("form").addEventListener("submit", start);
  get("new-form").addEventListener("submit", make);
  get("cancel").addEventListener("click", cancel);
  get("again").addEventListener("click", again);
  get("file").addEventListener("change", shownFile);
  const drop = get("drop");
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  }
  drop.addEventListener("drop", (event) => { get("file").files = event.dataTransfer.files; shownFile(); });
  showOffer()
    .then(() => (location.hash.length > 10 ? follow(location.hash.slice(1)) : null))
    .catch((problem) => say("told", problem.message, true));
})();
