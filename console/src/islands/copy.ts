// A button that copies, and says that it did.
import type { Island } from "../mount";

const SAID_MS = 2000;

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no clipboard for pages that are not secure, or not allowed
  }
}

function select(near: HTMLElement): void {
  const code = near.parentElement?.querySelector("code");
  if (code) getSelection()?.selectAllChildren(code);
}

export const copy: Island = (root, gone) => {
  const label = [...root.childNodes];
  root.setAttribute("aria-live", "polite");
  root.addEventListener("click", () => {
    void copied(root.dataset.copy ?? "").then((done) => {
      if (!done) select(root);
      root.textContent = done ? "Copied" : "Selected: copy it with the keyboard";
      setTimeout(() => root.replaceChildren(...label), SAID_MS);
    });
  }, { signal: gone });
};
