// A grant to listen: what the server gives for a purpose, and how it is given back.
import { ask, type Answer, csrf } from "../asking";

export type Side = "caller" | "agent";

/** A stretch that is drawn: an announcement, a gap, a pause; milliseconds from the recording's begin. */
export interface Span {
  readonly kind: "prompt" | "gap" | "pause";
  readonly side: Side | "";
  readonly from_ms: number;
  readonly to_ms: number;
  readonly words: string;
}

/** `POST /api/recordings/{recording}/playings`. Peaks are 0..255, one a bucket of `bucket_us` microseconds. */
export interface Granted {
  readonly playing: number;
  readonly entry: number;
  readonly length_ms: number;
  readonly intact: boolean;
  readonly chunks: number;
  readonly peaks: Readonly<Record<Side, readonly number[]>>;
  readonly bucket_us: number;
  readonly spans: readonly Span[];
  readonly sound: string;
}

/** What was sent in the end. */
export interface Ended {
  readonly milliseconds: number;
}

/** Say the purpose; the ledger has it before anything is opened. */
export function open(recording: string, purpose: string, document: string): Promise<Answer<Granted>> {
  return ask<Granted>("POST", `/api/recordings/${encodeURIComponent(recording)}/playings`, { purpose, document });
}

/** End the listening: the ledger is told what was sent. */
export function end(playing: number): Promise<Answer<Ended>> {
  return ask<Ended>("DELETE", `/api/playings/${playing}`);
}

/** End it while the page is being left, when no answer can be awaited. */
export function endLeaving(playing: number): void {
  const asked = fetch(`/api/playings/${playing}`, { method: "DELETE", keepalive: true, headers: { "x-overt-csrf": csrf() } });
  asked.catch(() => undefined); // the server ends what nobody takes any more by itself
}
