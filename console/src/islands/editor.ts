// The editor of a policy book: what is open stays open and focus stays where it was while pieces are swapped; a file is
// read here and sent as text, so that no upload is needed; a button marked plain leaves the page like any form's.
import { type Island, part } from "../mount";

const POLICY = "[data-editor=policy]";
const MOST_BYTES = 160 * 1024;

function names(root: HTMLElement): (readonly [string, HTMLDetailsElement])[] {
  return [...root.querySelectorAll<HTMLDetailsElement>(POLICY)].map(
    (one) => [one.querySelector<HTMLInputElement>("[name$='.name']")?.value ?? "", one] as const,
  );
}

/** Opens what was open before a swap, by the policies' names; a policy that was not there before opens too. */
function reopen(root: HTMLElement, open: ReadonlySet<string>, known: ReadonlySet<string>): void {
  for (const [name, details] of names(root)) details.open = open.has(name) || (known.size > 0 && !known.has(name));
}

async function imported(root: HTMLElement, input: HTMLInputElement): Promise<void> {
  const file = input.files?.[0];
  if (file === undefined) return;
  const form = part<HTMLFormElement>(root, "#editor");
  const text = file.size > MOST_BYTES ? `# ${file.name} has ${file.size} bytes: that is no policy book` : await file.text();
  const area = document.createElement("textarea");
  area.name = "text";
  area.hidden = true;
  area.value = text;
  for (const one of form.querySelectorAll("[name=text]")) one.remove();
  part<HTMLInputElement>(form, "[name=view]").value = "file";
  form.append(area);
  form.requestSubmit(part<HTMLButtonElement>(form, "button[value=form]"));
}

export const editor: Island = (root, gone) => {
  let open = new Set<string>();
  let known = new Set<string>();
  let focused = "";
  let rehearsed = false;
  let scrolled = 0;
  root.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("data-plain")) event.stopPropagation();
  }, { signal: gone, capture: true });
  root.addEventListener("htmx:before:swap", () => {
    const all = names(root);
    open = new Set(all.filter(([, one]) => one.open).map(([name]) => name));
    known = new Set(all.map(([name]) => name));
    focused = document.activeElement?.id ?? "";
    rehearsed = root.querySelector("#rehearsal") !== null;
    scrolled = scrollY;
  }, { signal: gone });
  root.addEventListener("htmx:after:swap", () => {
    reopen(root, open, known);
    scrollTo(scrollX, scrolled); // the page was shorter for a moment
    if (!rehearsed) root.querySelector("#rehearsal")?.scrollIntoView();
    if (focused !== "" && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
  }, { signal: gone });
  root.addEventListener("change", (event) => {
    const input = event.target as HTMLInputElement;
    if (input.dataset.editor !== "import") return;
    event.stopPropagation();
    void imported(root, input);
  }, { signal: gone, capture: true });
  // A link to a policy opens it.
  root.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("a[href^='#edit-']");
    const details = link && root.querySelector<HTMLDetailsElement>(link.hash);
    if (details) details.open = true;
  }, { signal: gone });
};
