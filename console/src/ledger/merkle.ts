// The Merkle tree of RFC 9162 §2.1, grown leaf by leaf: only the right edge is kept.
import { nodeHash, sha256 } from "./sha256";

const LEVELS = 48;
export const HASH = 32;

/** A tree of which only the roots of complete subtrees are remembered. */
export class Tree {
  size = 0;
  private readonly edge = new Uint8Array(LEVELS * 2 * HASH);

  /** Append the leaf hash that stands in `bytes` at `at`. */
  append(bytes: Uint8Array, at: number): void {
    let level = 0;
    const carried = (LEVELS * 2 - 1) * HASH;
    this.edge.set(bytes.subarray(at, at + HASH), carried);
    // A set bit of the size is a complete subtree that waits for its right neighbour.
    for (let rest = this.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      nodeHash(this.edge, level * HASH, carried, this.edge, carried);
      level += 1;
    }
    this.edge.copyWithin(level * HASH, carried, carried + HASH);
    this.size += 1;
  }

  /** The root of what was appended so far. */
  root(): Uint8Array<ArrayBuffer> {
    if (this.size === 0) return sha256(new Uint8Array(0));
    const pair = new Uint8Array(2 * HASH);
    let started = false;
    for (let level = 0, rest = this.size; rest > 0; level += 1, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 0) continue;
      const subtree = this.edge.subarray(level * HASH, (level + 1) * HASH);
      if (!started) pair.set(subtree, HASH);
      else {
        pair.set(subtree, 0);
        nodeHash(pair, 0, HASH, pair, HASH);
      }
      started = true;
    }
    return pair.slice(HASH);
  }
}

/** SHA-256(0x00 || line), as hexadecimal digits. */
export function leafOf(line: string): string {
  const text = new TextEncoder().encode(line);
  const entry = new Uint8Array(text.length + 1);
  entry.set(text, 1);
  return hex(sha256(entry));
}

/** Bytes as hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
