// Finding calls by keyboard: `/` goes to the search, j and k walk the rows, Enter opens. Rows may be swapped at any time.
import { type Island, part } from "../mount";

const TYPING = "input, select, textarea, button, summary, [contenteditable]";
const ROW = "[data-filters=row]";
const STEPS: Readonly<Record<string, number>> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

function links(root: HTMLElement): HTMLAnchorElement[] {
  return [...root.querySelectorAll<HTMLAnchorElement>(`${ROW} th a`)];
}

function step(root: HTMLElement, by: number): boolean {
  const all = links(root);
  const row = document.activeElement?.closest(ROW) ?? null;
  const at = row === null ? -1 : all.findIndex((link) => row.contains(link));
  const next = all[at === -1 ? (by > 0 ? 0 : all.length - 1) : at + by];
  next?.focus();
  return next !== undefined;
}

function walk(root: HTMLElement, search: HTMLInputElement, event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as Element;
  if (event.key === "Escape" && target === search) search.blur();
  if (target === search && event.key === "ArrowDown" && step(root, 1)) event.preventDefault();
  if (target.matches(TYPING)) return;
  if (event.key === "/") {
    event.preventDefault();
    search.focus();
    search.select();
  }
  const by = STEPS[event.key];
  // Arrows scroll, unless somebody walks the rows already.
  const walking = target.closest(ROW) !== null || event.key.length === 1;
  if (by !== undefined && walking && step(root, by)) event.preventDefault();
}

/** A click anywhere on a row opens it, unless text was selected or something else was meant. */
function open(event: MouseEvent): void {
  const target = event.target as Element;
  const link = target.closest(ROW)?.querySelector<HTMLAnchorElement>("th a");
  if (!link || target.closest("a, button") || getSelection()?.toString() || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href);
  else location.assign(link.href);
}

interface Asking {
  readonly ctx: { readonly sourceElement: Element; readonly request: { readonly body: FormData | null } };
}

/** Leaves empty fields out of the address. */
function tidy(event: CustomEvent<Asking>): void {
  const body = event.detail.ctx.request.body;
  if (!(body instanceof FormData)) return;
  for (const [name, value] of [...body]) if (value === "") body.delete(name);
}

export const filters: Island = (root, gone) => {
  const search = part<HTMLInputElement>(root, "[data-filters=focus]");
  document.addEventListener("keydown", (event) => walk(root, search, event), { signal: gone });
  root.addEventListener("click", open, { signal: gone });
  root.addEventListener("htmx:config:request", (event) => tidy(event as CustomEvent<Asking>), { signal: gone });
  const said = part(root, "[data-filters=said]");
  root.addEventListener("htmx:after:swap", () => {
    const found = root.querySelector<HTMLElement>("[data-found]")?.dataset.found ?? "0";
    said.textContent = found === "0" ? "No call fits" : `${found} ${found === "1" ? "call" : "calls"} found`;
  }, { signal: gone });
  // The same search twice is one step of the history.
  document.addEventListener("htmx:before:history:update", (event) => {
    const detail = (event as CustomEvent<{ response?: { raw?: Response } }>).detail;
    if (detail.response?.raw?.url === location.href) event.preventDefault();
  }, { signal: gone });
};
