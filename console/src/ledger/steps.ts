// The steps of a check as people read them: what is being done, then what came of it.

/** good: it holds; bad: it does not; look: worth knowing; plain: said for the record. */
export type State = "running" | "good" | "bad" | "look" | "plain";

/** One step of the list. */
export class Step {
  private readonly item = document.createElement("li");
  private readonly words = document.createElement("span");
  private bar: HTMLProgressElement | null = null;

  constructor(list: HTMLElement, words: string) {
    this.item.append(this.words);
    list.append(this.item);
    this.say("running", words);
  }

  /** How far it is, from 0 to 1. */
  far(share: number, label: string): void {
    if (this.bar === null) {
      this.bar = document.createElement("progress");
      this.bar.max = 1;
      this.bar.setAttribute("aria-label", label);
      this.item.append(this.bar);
    }
    this.bar.value = share;
  }

  /** Say what came of it. */
  say(state: State, words: string): void {
    this.item.dataset.state = state;
    this.words.textContent = words;
    if (state !== "running") this.bar?.remove();
  }
}
