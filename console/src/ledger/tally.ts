// A worker: grows the tree from the leaves that it is given, and says its root at the sizes that are asked for.
import { HASH, hex, Tree } from "./merkle";

/** Sent to the worker: leaves, 32 bytes each; at the first, the sizes whose roots are wanted. */
export interface Given {
  readonly wanted?: readonly number[];
  readonly leaves?: ArrayBuffer;
}

/** Sent back after each: how many there are, and the roots so far by size, hexadecimal. */
export interface Tallied {
  readonly size: number;
  readonly roots: Readonly<Record<number, string>>;
}

const tree = new Tree();
const roots: Record<number, string> = {};
let wanted = new Set<number>();

self.addEventListener("message", (event: MessageEvent<Given>) => {
  if (event.data.wanted) wanted = new Set(event.data.wanted);
  const leaves = new Uint8Array(event.data.leaves ?? new ArrayBuffer(0));
  if (wanted.has(tree.size)) roots[tree.size] = hex(tree.root());
  for (let at = 0; at + HASH <= leaves.length; at += HASH) {
    tree.append(leaves, at);
    if (wanted.has(tree.size)) roots[tree.size] = hex(tree.root());
  }
  self.postMessage({ size: tree.size, roots } satisfies Tallied);
});
