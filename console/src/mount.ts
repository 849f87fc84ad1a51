// Islands: a small script takes over each element with `data-island="name"`, now and whenever a page's piece is swapped.

/** Takes an element over until `gone` says that it left the page. */
export type Island = (root: HTMLElement, gone: AbortSignal) => void;

const mounted = new Map<HTMLElement, AbortController>();

/** Mounts every island that is not yet, and lets go of those that left. */
export function mountAll(islands: Readonly<Record<string, Island>>): void {
  for (const [root, controller] of mounted) {
    if (root.isConnected) continue;
    controller.abort();
    mounted.delete(root);
  }
  for (const root of document.querySelectorAll<HTMLElement>("[data-island]")) {
    const island = islands[root.dataset.island ?? ""];
    if (island === undefined || mounted.has(root)) continue;
    const controller = new AbortController();
    mounted.set(root, controller);
    island(root, controller.signal);
  }
}

/** The element of an island's part, which the page's template promises. */
export function part<E extends HTMLElement>(root: ParentNode, selector: string): E {
  const found = root.querySelector<E>(selector);
  if (found === null) throw new Error(`The page lacks ${selector}`);
  return found;
}
