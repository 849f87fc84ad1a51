// A question of law: its answer is brought into view, and read out, when it has come.
import type { Island } from "../mount";

export const question: Island = (root, gone) => {
  root.addEventListener("htmx:after:swap", () => {
    const verdict = root.querySelector<HTMLElement>("[data-question=verdict]");
    const answer = root.querySelector<HTMLElement>("[data-question=answer]");
    if (verdict === null && answer?.querySelector("[role=alert]") == null) return;
    answer?.scrollIntoView({ block: "start" });
    verdict?.focus({ preventScroll: true });
  }, { signal: gone });
};
