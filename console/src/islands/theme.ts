// Light, dark, or as the system says: remembered in this browser, the same in every tab.
import type { Island } from "../mount";

const KEY = "overt.theme";
const CHOSEN = "overt:theme-chosen";
/** Said on the document whenever colours changed, for whatever is drawn by hand. */
export const REPAINT = "overt:repaint";

function show(root: HTMLElement, chosen: string): void {
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  for (const button of root.querySelectorAll<HTMLButtonElement>("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
  }
  document.dispatchEvent(new Event(REPAINT));
}

function known(chosen: string | null): string {
  return chosen === "light" || chosen === "dark" ? chosen : "auto";
}

function kept(): string {
  try {
    return known(localStorage.getItem(KEY));
  } catch {
    return "auto";
  }
}

export const theme: Island = (root, gone) => {
  show(root, kept());
  root.addEventListener("click", (event) => {
    const chosen = (event.target as Element).closest<HTMLElement>("[data-theme-choice]")?.dataset.themeChoice;
    if (chosen === undefined) return;
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // It lasts as long as the page then.
    }
    show(root, chosen);
    document.dispatchEvent(new CustomEvent(CHOSEN, { detail: chosen }));
  }, { signal: gone });
  document.addEventListener(CHOSEN, (event) => show(root, known((event as CustomEvent<string>).detail)), { signal: gone });
  window.addEventListener("storage", (event) => {
    if (event.key === KEY) show(root, known(event.newValue));
  }, { signal: gone });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new Event(REPAINT));
  }, { signal: gone });
};
