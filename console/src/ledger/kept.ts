// The checkpoint that this browser keeps, so that a history that is written anew is found out.
import type { Checkpoint } from "./note";

/** The latest that held, with when and at what size this browser saw the ledger first. */
export interface Kept {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  readonly last_at: number;
  readonly first_at: number;
  readonly first_size: number;
}

const KEY = "overt.checkpoint";

/** What was kept; null when nothing was, or it cannot be read. */
export function kept(): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

/** Keep a checkpoint that held; `before` is what it follows. */
export function keep(checkpoint: Checkpoint, note: string, before: Kept | null): Kept {
  const now = Date.now();
  const first = before?.origin === checkpoint.origin ? before : null;
  const { origin, size, root } = checkpoint;
  const kept: Kept = {
    origin, size, root, note, last_at: now, first_at: first?.first_at ?? now, first_size: first?.first_size ?? size,
  };
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // A browser that keeps nothing cannot compare; the next check says so.
  }
  return kept;
}
