// Calls in progress: rows come by server-sent events, clocks tick here, focus stays where it was.
import { type Island, part } from "../mount";
import { lengthOf, titleTimes } from "../times";

const TICK_MS = 1000;
const AGAIN_MS = [1000, 2000, 5000, 10_000];

class Live {
  private source: EventSource | null = null;
  private tries = 0;
  private ahead = 0; // how far this browser's clock is ahead of the server's, milliseconds
  private readonly rows: HTMLElement;
  private readonly state: HTMLElement;

  constructor(private readonly root: HTMLElement, private readonly gone: AbortSignal) {
    this.rows = part(root, "[data-live=rows]");
    this.state = part(root, "[data-live=state]");
  }

  start(): void {
    this.heed();
    const ticking = setInterval(() => this.tick(), TICK_MS);
    this.gone.addEventListener("abort", () => {
      clearInterval(ticking);
      this.source?.close();
    });
    // A page that lies in the browser's drawer must not hold a connection.
    window.addEventListener("pagehide", () => this.source?.close(), { signal: this.gone });
    window.addEventListener("pageshow", (event) => { if (event.persisted) this.connect(); }, { signal: this.gone });
    this.connect();
  }

  private connect(): void {
    this.source?.close();
    const source = new EventSource(this.root.dataset.events ?? "");
    this.source = source;
    source.addEventListener("open", () => {
      this.tries = 0;
      this.say("live", this.counted());
    });
    source.addEventListener("calls", (event) => this.show((event as MessageEvent<string>).data));
    source.addEventListener("gone", () => void this.lost());
    source.addEventListener("error", () => void this.lost());
  }

  /** Closed: find out why, and say it; come back unless somebody has to sign in. */
  private async lost(): Promise<void> {
    this.source?.close();
    this.source = null;
    this.say("lost", "Connection lost; trying again…");
    if ((await this.status()) === 401) {
      this.say("out", "Signed out. ");
      const link = document.createElement("a");
      link.href = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
      link.textContent = "Sign in again";
      this.state.append(link);
      return;
    }
    const wait = AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)] ?? TICK_MS;
    this.tries += 1;
    setTimeout(() => { if (!this.gone.aborted) this.connect(); }, wait);
  }

  private async status(): Promise<number> {
    const asking = new AbortController();
    try {
      const response = await fetch(this.root.dataset.events ?? "", { signal: asking.signal, cache: "no-store" });
      return response.status;
    } catch {
      return 0;
    } finally {
      asking.abort();
    }
  }

  private show(html: string): void {
    const focused = this.rows.contains(document.activeElement) ? document.activeElement?.id ?? "" : "";
    this.rows.innerHTML = html;
    if (focused !== "") document.getElementById(focused)?.focus({ preventScroll: true });
    this.heed();
    titleTimes(this.rows);
    this.say("live", this.counted());
  }

  private heed(): void {
    const now = this.rows.querySelector<HTMLElement>("[data-now]")?.dataset.now;
    if (now !== undefined) this.ahead = Date.now() - Number(now) / 1000;
    this.tick();
  }

  private tick(): void {
    for (const one of this.rows.querySelectorAll<HTMLElement>("[data-since]")) {
      const past = Date.now() - this.ahead - Number(one.dataset.since) / 1000;
      one.textContent = lengthOf(Math.max(0, Math.floor(past / 1000) * 1000)).replace(".0 s", " s");
    }
  }

  private counted(): string {
    const count = this.rows.querySelectorAll(".live-call").length;
    if (count === 0) return "Live: nobody is on the line";
    return `Live: ${count} ${count === 1 ? "call" : "calls"} in progress`;
  }

  private say(state: string, words: string): void {
    this.root.dataset.state = state;
    if (this.state.textContent !== words) this.state.textContent = words;
  }
}

export const live: Island = (root, gone) => new Live(root, gone).start();
