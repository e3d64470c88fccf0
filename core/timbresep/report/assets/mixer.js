/* Players of one recording's tracks, in sync: mixture and stems, with solo, mute and level.
 *
 * All tracks are sources of one AudioContext that start at the same time of its clock, each through
 * a gain of its own. wavesurfer only draws. A track is
 *   {name, src, peaks, duration, notes, image, muted}
 * src: address of an audio file, or the file as a data address; peaks: 0 to 1; duration: seconds;
 * notes: [[start, end, pitch, velocity], …] or null; image: address of a spectrogram, or null.
 */
"use strict";

(() => {
  const COLOURS = ["#5b6472", "#2f6fde", "#c2410c", "#0f8a5f", "#8b3fc7", "#b58900", "#c2255c"];
  const mixers = (window.timbresepMixers = window.timbresepMixers || []);

  const element = (kind, attributes = {}, ...children) => {
    const made = document.createElement(kind);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "text") made.textContent = value;
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  };

  const clock = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  };

  async function bytes(src) {
    if (src.startsWith("data:")) {
      const text = atob(src.slice(src.indexOf(",") + 1));
      return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
    }
    const answer = await fetch(src);
    if (!answer.ok) throw new Error(`${src}: ${answer.status}`);
    return answer.arrayBuffer();
  }

  function roll(notes, duration, colour) {
    const pitches = notes.map((note) => note[2]);
    const low = Math.min(...pitches) - 2, high = Math.max(...pitches) + 3;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${duration} ${high - low}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "roll");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${notes.length} notes`);
    for (const [start, end, pitch, velocity] of notes) {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      bar.setAttribute("x", start);
      bar.setAttribute("width", Math.max(end - start, duration / 2000));
      bar.setAttribute("y", high - pitch - 1);
      bar.setAttribute("height", 0.9);
      bar.setAttribute("fill", colour);
      bar.setAttribute("opacity", 0.35 + 0.65 * Math.min(1, velocity / 110));
      svg.append(bar);
    }
    return svg;
  }

  class Mixer {
    constructor(container, tracks) {
      this.duration = Math.max(...tracks.map((track) => track.duration), 0.001);
      this.tracks = tracks.map((track, number) => ({
        ...track,
        colour: track.colour || COLOURS[number % COLOURS.length],
        level: 0,
        solo: false,
        muted: Boolean(track.muted),
      }));
      this.position = 0; // seconds, while it does not play
      this.playing = false;
      this.view = "wave";
      this.container = container;
      this.build();
      mixers.push(this);
    }

    build() {
      const { container } = this;
      container.classList.add("mixer");
      container.setAttribute("role", "group");
      container.setAttribute("aria-label", "Players of all tracks, in sync");
      this.button = element("button", { class: "play", text: "Play", onclick: () => this.toggle() });
      this.time = element("span", { class: "time", text: `0:00 / ${clock(this.duration)}` });
      this.status = element("span", { class: "status", role: "status" });
      const views = element("span", { class: "views", role: "group", "aria-label": "Show" });
      const has = (key) => this.tracks.some((track) => track[key] && track[key].length);
      for (const [view, label, there] of [
        ["wave", "Waveforms", true],
        ["image", "Spectrograms", has("image")],
        ["notes", "Notes", has("notes")],
      ]) {
        if (!there) continue;
        views.append(
          element("button", {
            text: label, "data-view": view, "aria-pressed": String(view === this.view),
            onclick: () => this.show(view),
          }),
        );
      }
      const help = element("p", {
        class: "hint",
        text: "Space plays, ← and → move by 5 seconds, 1 to 9 play one track alone.",
      });
      this.lanes = element("div", { class: "lanes" });
      this.seek = element("input", {
        type: "range", class: "seek", min: 0, max: this.duration, step: 0.01, value: 0,
        "aria-label": "Position in seconds",
        oninput: () => this.moveTo(Number(this.seek.value)),
      });
      this.line = element("div", { class: "playhead", "aria-hidden": "true" });
      container.append(
        element("div", { class: "transport" }, this.button, this.time, views, this.status),
        this.seek, this.lanes, help,
      );
      this.tracks.forEach((track, number) => this.addTrack(track, number));
      this.lanes.append(this.line);
      document.addEventListener("keydown", (event) => this.key(event));
      this.show(this.view);
      this.draw();
    }

    addTrack(track, number) {
      const solo = element("button", {
        class: "solo", text: "S", title: "Solo", "aria-label": `Solo ${track.name}`,
        "aria-pressed": "false", onclick: () => this.solo(number),
      });
      const mute = element("button", {
        class: "mute", text: "M", title: "Mute", "aria-label": `Mute ${track.name}`,
        "aria-pressed": String(track.muted), onclick: () => this.mute(number),
      });
      const level = element("input", {
        type: "range", min: -40, max: 12, step: 1, value: 0, class: "level",
        "aria-label": `Level of ${track.name} in dB`,
        oninput: () => this.setLevel(number, Number(level.value)),
      });
      const value = element("output", { text: "0 dB" });
      const name = element("span", { class: "name", text: track.name });
      name.style.borderColor = track.colour;
      const head = element(
        "div", { class: "head" }, name,
        element("span", { class: "buttons" }, solo, mute, level, value),
      );
      const wave = element("div", { class: "wave" });
      const lane = element("div", { class: "lane" }, wave);
      lane.addEventListener("click", (event) => {
        const box = lane.getBoundingClientRect();
        this.moveTo(((event.clientX - box.left) / box.width) * this.duration);
      });
      if (track.image) {
        const picture = element("img", { class: "image", alt: `Spectrogram of ${track.name}` });
        picture.src = track.image;
        picture.style.width = `${(100 * track.duration) / this.duration}%`;
        lane.append(picture);
      }
      if (track.notes && track.notes.length) lane.append(roll(track.notes, this.duration, track.colour));
      else lane.append(element("div", { class: "roll empty", text: "no notes" }));
      this.lanes.append(element("div", { class: "track" }, head, lane));
      Object.assign(track, { buttons: { solo, mute, value } });
      wave.style.width = `${(100 * track.duration) / this.duration}%`;
      if (window.WaveSurfer) {
        window.WaveSurfer.create({
          container: wave, peaks: [track.peaks], duration: track.duration, interact: false,
          height: 56, waveColor: track.colour, progressColor: track.colour, cursorWidth: 0,
          normalize: false,
        });
      }
    }

    show(view) {
      this.view = view;
      this.lanes.dataset.view = view;
      for (const button of this.container.querySelectorAll("[data-view]")) {
        if (button !== this.lanes) button.setAttribute("aria-pressed", String(button.dataset.view === view));
      }
    }

    async load() {
      if (this.context) return;
      this.context = new AudioContext();
      this.status.textContent = "Loading …";
      try {
        await Promise.all(this.tracks.map(async (track) => {
          if (track.buffer) return; // of an earlier try
          track.buffer = await this.context.decodeAudioData(await bytes(track.src));
          track.src = null; // decoded: the text is not needed any more
        }));
        for (const track of this.tracks) {
          track.gain = this.context.createGain();
          track.gain.connect(this.context.destination);
        }
        this.status.textContent = "";
        this.apply();
      } catch (problem) {
        this.status.textContent = `The audio cannot be played: ${problem.message}`;
        this.context.close();
        this.context = null; // so that Play tries again
        throw problem;
      }
    }

    get now() {
      if (!this.playing) return this.position;
      return Math.min(this.duration, this.position + this.context.currentTime - this.began);
    }

    async toggle() {
      if (this.playing) this.pause();
      else await this.play();
    }

    async play() {
      if (this.playing || this.starting) return;
      this.starting = true;
      try {
        await this.load();
        await this.context.resume();
        if (this.position >= this.duration - 0.01) this.position = 0;
        this.start();
      } finally {
        this.starting = false;
      }
    }

    start() {
      this.began = this.context.currentTime + 0.05; // the same time for all of them
      for (const track of this.tracks) {
        if (this.position >= track.buffer.duration) continue;
        track.source = this.context.createBufferSource();
        track.source.buffer = track.buffer;
        track.source.connect(track.gain);
        track.source.start(this.began, this.position);
      }
      this.playing = true;
      this.button.textContent = "Pause";
    }

    halt() {
      for (const track of this.tracks) {
        if (track.source) track.source.stop();
        track.source = null;
      }
    }

    pause() {
      this.position = Math.max(0, this.now);
      this.halt();
      this.playing = false;
      this.button.textContent = "Play";
    }

    moveTo(seconds) {
      const to = Math.min(this.duration, Math.max(0, seconds));
      if (!this.playing) {
        this.position = to;
        return;
      }
      this.halt();
      this.position = to;
      this.start();
    }

    solo(number) {
      this.tracks[number].solo = !this.tracks[number].solo;
      this.apply();
    }

    mute(number) {
      this.tracks[number].muted = !this.tracks[number].muted;
      this.apply();
    }

    setLevel(number, level) {
      this.tracks[number].level = level;
      this.apply();
    }

    gains() {
      const alone = this.tracks.some((track) => track.solo);
      return this.tracks.map((track) => {
        const heard = alone ? track.solo : !track.muted;
        return heard ? 10 ** (track.level / 20) : 0;
      });
    }

    apply() {
      this.gains().forEach((gain, number) => {
        const track = this.tracks[number];
        track.buttons.solo.setAttribute("aria-pressed", String(track.solo));
        track.buttons.mute.setAttribute("aria-pressed", String(track.muted));
        track.buttons.value.textContent = `${track.level > 0 ? "+" : ""}${track.level} dB`;
        if (track.gain) track.gain.gain.setTargetAtTime(gain, this.context.currentTime, 0.01);
      });
    }

    key(event) {
      if (!this.container.isConnected) return; // another recording's players took its place
      const own = event.target.closest("input, textarea, select, button, a, summary");
      if (event.ctrlKey || event.metaKey || event.altKey || (own && event.key === " ")) return;
      if (own && own.matches("input:not(.seek), textarea, select")) return;
      if (event.key === " ") this.toggle();
      else if (event.key === "ArrowLeft") this.moveTo(this.now - 5);
      else if (event.key === "ArrowRight") this.moveTo(this.now + 5);
      else if (/^[1-9]$/.test(event.key) && this.tracks[event.key - 1]) this.solo(event.key - 1);
      else return;
      event.preventDefault();
    }

    draw() {
      if (!this.container.isConnected) return;
      if (this.playing && this.now >= this.duration) {
        this.pause();
        this.position = this.duration;
      }
      const now = Math.max(0, this.now);
      this.time.textContent = `${clock(now)} / ${clock(this.duration)}`;
      if (document.activeElement !== this.seek || this.playing) this.seek.value = now;
      const lane = this.lanes.querySelector(".lane");
      const left = lane.offsetLeft + (now / this.duration) * lane.offsetWidth;
      this.line.style.transform = `translateX(${left}px)`;
      requestAnimationFrame(() => this.draw());
    }

    /** For tests: what is heard. */
    state() {
      return {
        playing: this.playing,
        position: this.now,
        gains: this.gains(),
        lengths: this.tracks.map((track) => (track.buffer ? track.buffer.duration : null)),
      };
    }
  }

  window.timbresepMixer = (container, tracks) => new Mixer(container, tracks);
  window.addEventListener("DOMContentLoaded", () => {
    for (const data of document.querySelectorAll("script.tracks")) {
      const container = document.getElementById(data.dataset.mixer);
      if (container) window.timbresepMixer(container, JSON.parse(data.textContent));
    }
  });
})();
