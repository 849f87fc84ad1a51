// The player: a purpose first, then the sound; and what was sent is entered when it ends, however it ends.
import htmx from "htmx.org";
import { type Problem, problemOf } from "../asking";
import { type Island, part } from "../mount";
import { end, endLeaving, type Granted, open } from "../player/granted";
import { Stage } from "../player/stage";
import { lengthOf } from "../times";

const LISTED = "#who-listened";
const LOOK_MS = [200, 600, 1500, 3000, 5000];
const RECOVERS_MS = 10_000; // sound that breaks off again so soon is not asked for once more
const COUNT = new Intl.NumberFormat("en");

class Player {
  private granted: Granted | null = null;
  private stage: Stage | null = null;
  private at = 0;
  private recovered = -RECOVERS_MS;
  private readonly form: HTMLFormElement;
  private readonly status: HTMLElement;

  constructor(private readonly root: HTMLElement, private readonly gone: AbortSignal) {
    this.form = part(root, "[data-player=purpose]");
    this.status = part(root, "[data-player=status]");
  }

  start(): void {
    const signal = this.gone;
    const purpose = part<HTMLSelectElement>(this.form, "[name=purpose]");
    const demand = (): void => this.demand(purpose.selectedOptions[0]?.dataset.compelled !== undefined);
    purpose.addEventListener("change", demand, { signal });
    demand();
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.listen(new FormData(this.form));
    }, { signal });
    part(this.root, "[data-player=end]").addEventListener("click", () => void this.stop(), { signal });
    window.addEventListener("pagehide", () => this.leave(), { signal });
    signal.addEventListener("abort", () => this.leave());
  }

  /** The document that compels: asked for where the purpose needs one, else not there at all. */
  private demand(compelled: boolean): void {
    const field = part<HTMLInputElement>(this.form, "[name=document]");
    part(this.form, "[data-player=document]").hidden = !compelled;
    field.required = compelled;
    field.disabled = !compelled;
  }

  private async listen(given: FormData): Promise<void> {
    const button = part<HTMLButtonElement>(this.form, "button");
    button.disabled = true;
    this.say("plain", "Entering your purpose in the ledger, then opening…");
    const text = (name: string): string => String(given.get(name) ?? "").trim();
    const answer = await open(this.root.dataset.recording ?? "", text("purpose"), text("document"));
    button.disabled = false;
    if ("problem" in answer) {
      this.trouble(answer.problem);
      return;
    }
    this.show(answer.value);
    this.refresh(answer.value.entry, false);
  }

  private show(granted: Granted): void {
    this.granted = granted;
    this.say("", "");
    this.badge(granted);
    this.form.hidden = true;
    part(this.root, "[data-player=stage]").hidden = false;
    const entered = part<HTMLAnchorElement>(this.root, "[data-player=entry]");
    entered.href = `/ledger/${granted.entry}`;
    entered.textContent = `#${granted.entry}`;
    this.stage = new Stage(this.root, granted, { broken: () => void this.broken() }, this.at);
    part(this.root, "[data-player=toggle]").focus();
    void this.stage.play();
  }

  private badge(granted: Granted): void {
    const badge = part(this.root, "[data-player=badge]");
    badge.dataset.intact = String(granted.intact);
    const chunks = `${COUNT.format(granted.chunks)} ${granted.chunks === 1 ? "chunk" : "chunks"}`;
    badge.textContent = granted.intact
      ? `Whole: ${chunks} as sealed, up to the end the ledger states`
      : `Not whole: ${chunks} open, and they do not reach the end the ledger states`;
  }

  /** Back to the question; the position stays for whoever says the purpose again. */
  private close(): void {
    this.at = this.stage?.at ?? 0;
    this.stage?.close();
    this.stage = null;
    this.granted = null;
    part(this.root, "[data-player=stage]").hidden = true;
    this.form.hidden = false;
  }

  private async stop(): Promise<void> {
    const granted = this.granted;
    if (granted === null) return;
    this.close();
    this.at = 0;
    this.say("plain", "Entering what you were sent…");
    const answer = await end(granted.playing);
    if ("problem" in answer) {
      if (answer.problem.status === 410) this.say("plain", "This listening had ended by itself; the ledger says how much was sent.");
      else this.trouble(answer.problem);
    } else {
      this.say("good", `Ended. ${lengthOf(answer.value.milliseconds)} were sent to you, and that is in the ledger.`);
    }
    part(this.form, "[name=purpose]").focus();
    this.refresh(granted.entry, true);
  }

  private leave(): void {
    const granted = this.granted;
    if (granted === null) return;
    this.close();
    endLeaving(granted.playing);
  }

  /** The sound does not come any more: ask why, since the element itself cannot tell; go on where that can be. */
  private async broken(): Promise<void> {
    const granted = this.granted;
    if (granted === null) return;
    let problem: Problem = { status: 0, title: "The sound stopped coming", detail: "Say the purpose again to go on from here." };
    try {
      const response = await fetch(granted.sound, { headers: { range: "bytes=0-0" }, cache: "no-store" });
      if (!response.ok) problem = await problemOf(response);
      else if (performance.now() - this.recovered > RECOVERS_MS) {
        this.recovered = performance.now();
        this.stage?.recover();
        return;
      }
    } catch {
      problem = { ...problem, detail: "The server cannot be reached. When it is back, say the purpose again to go on from here." };
    }
    this.close();
    if (problem.status === 0) endLeaving(granted.playing);
    this.trouble(problem);
    this.refresh(granted.entry, true);
  }

  private trouble(problem: Problem): void {
    const again = problem.status === 410 ? " Say the purpose again to go on from where you were." : "";
    this.say("bad", `${problem.title}. ${problem.detail}${again}`);
    if (problem.status === 401) {
      const link = document.createElement("a");
      link.href = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
      link.textContent = "Sign in";
      this.status.append(" ", link);
    }
  }

  private say(tone: string, words: string): void {
    this.status.className = tone === "bad" ? "status alert" : tone === "good" ? "status good" : "status";
    this.status.textContent = words;
  }

  /** The list of who listened, read anew until the catalogue has caught up with the ledger. */
  private refresh(entry: number, ended: boolean): void {
    const look = async (tries: number): Promise<void> => {
      if (this.gone.aborted || !document.querySelector(LISTED)) return;
      await htmx.ajax("GET", location.pathname, { target: LISTED, select: LISTED, swap: "outerHTML" });
      const item = document.querySelector(`${LISTED} [data-entry="${entry}"]`);
      const done = item !== null && (!ended || item.getAttribute("data-ended") === "true");
      const wait = LOOK_MS[tries];
      if (!done && wait !== undefined) setTimeout(() => void look(tries + 1), wait);
    };
    void look(0);
  }
}

export const player: Island = (root, gone) => {
  // Where it cannot be heard the page says why instead.
  if (root.querySelector("[data-player=purpose]")) new Player(root, gone).start();
};
