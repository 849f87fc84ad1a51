// The stage: everything that is there while a grant lasts. Seeking, keys, speed, volume, loop, silence.
import { part } from "../mount";
import { clock, fineClock, lengthOf } from "../times";
import { REPAINT } from "../islands/theme";
import type { Granted, Side, Span } from "./granted";
import { Graph } from "./graph";
import { silences } from "./silence";
import { Wave } from "./wave";

const STEP_MS = 5000;
const LONG_STEP_MS = 30_000;
const SAY_AFTER_MS = 900;
const LEAST_LOOP_MS = 300;
const TEST_RATE = 8000; // the recording's own, so that a test hears the very samples
const KINDS: Readonly<Record<Span["kind"], string>> = { prompt: "Announcement", gap: "Gap", pause: "Pause" };

/** What the island is told: the sound stopped coming, or somebody stops listening. */
export interface Heard {
  readonly broken: () => void;
}

export class Stage {
  readonly graph: Graph;
  private readonly audio: HTMLAudioElement;
  private readonly waves: readonly Wave[];
  private readonly quiet: readonly (readonly [number, number])[];
  private readonly off = new AbortController();
  private loop: [number, number] | null = null;
  private frame = 0;
  private saying = 0;
  private inside: Span | null = null;

  constructor(
    private readonly root: HTMLElement, private readonly granted: Granted, private readonly heard: Heard, at: number,
  ) {
    this.graph = new Graph(root.dataset.test === undefined ? undefined : TEST_RATE);
    this.audio = this.graph.audio;
    this.waves = (["caller", "agent"] as const).map((side) => new Wave(this.canvas(side), side, granted));
    this.quiet = silences([granted.peaks.caller, granted.peaks.agent], granted.bucket_us / 1000);
    if (root.dataset.test !== undefined) Object.assign(root, { overtGraph: this.graph });
    this.list();
    this.listen();
    this.graph.load(granted.sound);
    if (at > 0) this.seek(at);
    this.draw();
  }

  /** Milliseconds from the begin. */
  get at(): number {
    return this.audio.currentTime * 1000;
  }

  async play(): Promise<void> {
    try {
      await this.graph.play();
    } catch (error) {
      // Paused again before it began, or the sound did not come, which `error` of the element tells.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  /** Ask for the sound anew, from where it stopped coming. */
  recover(): void {
    const { at, audio } = this;
    const going = !audio.paused;
    this.graph.load(this.granted.sound);
    this.seek(at);
    if (going) void this.play();
  }

  close(): void {
    this.off.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.saying);
    this.graph.close();
    for (const wave of this.waves) wave.close();
  }

  // ---------------------------------------------------------------- parts

  private canvas(side: Side): HTMLCanvasElement {
    return part(this.root, `canvas[data-side=${side}]`);
  }

  private get bar(): HTMLInputElement {
    return part(this.root, "[data-player=seek]");
  }

  private on<K extends keyof HTMLElementEventMap>(on: HTMLElement, kind: K, heed: (event: HTMLElementEventMap[K]) => void): void {
    on.addEventListener(kind, heed, { signal: this.off.signal });
  }

  private listen(): void {
    for (const kind of ["play", "pause", "ended", "seeked", "loadedmetadata", "durationchange"] as const) {
      this.on(this.audio, kind, () => this.turned());
    }
    this.on(this.audio, "timeupdate", () => this.heed());
    this.on(this.audio, "error", () => { if (this.audio.hasAttribute("src")) this.heard.broken(); });
    this.on(this.audio, "waiting", () => { this.root.dataset.waiting = "true"; });
    for (const kind of ["playing", "canplay", "pause"] as const) {
      this.on(this.audio, kind, () => { delete this.root.dataset.waiting; });
    }
    this.on(part(this.root, "[data-player=toggle]"), "click", () => this.toggle());
    const speed = part<HTMLSelectElement>(this.root, "[data-player=speed]");
    this.on(speed, "change", () => { this.audio.playbackRate = Number(speed.value); });
    this.audio.defaultPlaybackRate = this.audio.playbackRate = Number(speed.value);
    for (const input of this.root.querySelectorAll<HTMLInputElement>("[data-player=volume]")) {
      const set = (): void => {
        this.graph.volume(input.dataset.side as Side, Number(input.value) / 100);
        input.setAttribute("aria-valuetext", `${input.value} %`);
      };
      this.on(input, "input", set);
      set();
    }
    const bar = this.bar;
    bar.max = String(this.granted.length_ms);
    this.on(bar, "input", () => this.seek(Number(bar.value)));
    this.on(part(this.root, "[data-player=stage]"), "keydown", (event) => this.key(event));
    this.on(part(this.root, "[data-player=unloop]"), "click", () => this.repeat(null));
    for (const side of ["caller", "agent"] as const) this.drag(this.canvas(side));
    document.addEventListener(REPAINT, () => this.waves.forEach((wave) => wave.repaint()), { signal: this.off.signal });
  }

  /** Announcements, pauses and gaps as words; each goes to its place. */
  private list(): void {
    const list = part(this.root, "[data-player=gaps]");
    list.replaceChildren(...this.granted.spans.map((span) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = `span span-${span.kind}`;
      button.textContent = `${KINDS[span.kind]} ${fineClock(span.from_ms)}–${fineClock(span.to_ms)}`;
      this.on(button, "click", () => this.seek(span.from_ms));
      item.append(button, ` ${span.words}`);
      return item;
    }));
    list.hidden = this.granted.spans.length === 0;
  }

  // ---------------------------------------------------------------- moving

  private toggle(): void {
    if (this.audio.paused) void this.play();
    else this.audio.pause();
  }

  private seek(ms: number): void {
    const to = Math.min(Math.max(0, ms), this.granted.length_ms);
    this.audio.currentTime = to / 1000;
    this.inside = null;
    this.draw(to);
    this.say(`${clock(to)} of ${clock(this.granted.length_ms)}`);
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const own = target.matches("select, button, input:not([data-player=seek])");
    if (event.ctrlKey || event.metaKey || event.altKey || (own && event.key !== "Escape")) return;
    const step = event.shiftKey ? LONG_STEP_MS : STEP_MS;
    const moves: Readonly<Record<string, () => void>> = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.seek(this.at - step), ArrowDown: () => this.seek(this.at - step),
      ArrowRight: () => this.seek(this.at + step), ArrowUp: () => this.seek(this.at + step),
      PageDown: () => this.seek(this.at - LONG_STEP_MS), PageUp: () => this.seek(this.at + LONG_STEP_MS),
      Home: () => this.seek(0), End: () => this.seek(this.granted.length_ms),
      Escape: () => this.repeat(null),
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move();
  }

  /** Click or drag goes there; with shift, the stretch that is drawn over is repeated. */
  private drag(canvas: HTMLCanvasElement): void {
    let from = -1;
    const place = (event: PointerEvent): number => {
      const box = canvas.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.granted.length_ms;
    };
    this.on(canvas, "pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      from = place(event);
      if (!event.shiftKey) this.seek(from);
      this.bar.focus({ preventScroll: true });
    });
    this.on(canvas, "pointermove", (event) => {
      if (from < 0) return;
      const to = place(event);
      if (!event.shiftKey) this.seek(to);
      else if (Math.abs(to - from) >= LEAST_LOOP_MS) this.repeat([Math.min(from, to), Math.max(from, to)]);
    });
    for (const kind of ["pointerup", "pointercancel"] as const) this.on(canvas, kind, () => { from = -1; });
  }

  private repeat(stretch: [number, number] | null): void {
    this.loop = stretch;
    const note = part(this.root, "[data-player=loop]");
    note.hidden = stretch === null;
    if (stretch) {
      part(note, "span").textContent = `Repeats ${fineClock(stretch[0])}–${fineClock(stretch[1])}`;
      if (this.at < stretch[0] || this.at > stretch[1]) this.seek(stretch[0]);
    }
    this.draw();
  }

  // ---------------------------------------------------------------- as time goes by

  private heed(): void {
    if (this.loop && this.at >= this.loop[1]) this.seek(this.loop[0]);
    if (part<HTMLInputElement>(this.root, "[data-player=skip]").checked && !this.audio.paused) {
      const silence = this.quiet.find(([from, to]) => this.at >= from && this.at < to - STEP_MS / 20);
      if (silence) this.audio.currentTime = silence[1] / 1000;
    }
    const span = this.granted.spans.find((one) => this.at >= one.from_ms && this.at < one.to_ms) ?? null;
    if (span !== this.inside && span && !this.audio.paused) this.say(`${KINDS[span.kind]}: ${span.words}`, 0);
    this.inside = span;
    if (this.audio.paused) this.draw();
  }

  private turned(): void {
    const toggle = part<HTMLButtonElement>(this.root, "[data-player=toggle]");
    toggle.textContent = this.audio.paused ? "Play" : "Pause";
    cancelAnimationFrame(this.frame);
    this.draw();
    if (this.audio.paused) return;
    const tick = (): void => {
      this.draw();
      this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  private draw(at: number = this.at): void {
    for (const wave of this.waves) wave.draw({ at, loop: this.loop });
    const words = `${clock(at)} / ${clock(this.granted.length_ms)}`;
    const time = part(this.root, "[data-player=time]");
    if (time.textContent === words && this.bar.value === String(Math.round(at))) return;
    time.textContent = words;
    this.bar.value = String(Math.round(at));
    this.bar.setAttribute("aria-valuetext", `${lengthOf(at)} of ${lengthOf(this.granted.length_ms)}`);
  }

  /** To screen readers, and rarely: after the last of many seeks, or on entering a span. */
  private say(words: string, after: number = SAY_AFTER_MS): void {
    clearTimeout(this.saying);
    this.saying = window.setTimeout(() => { part(this.root, "[data-player=said]").textContent = words; }, after);
  }
}
