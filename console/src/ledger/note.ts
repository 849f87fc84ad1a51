// Signed notes (C2SP signed-note, tlog-checkpoint) and verifier keys, read and checked in the browser.
import { hex } from "./merkle";
import { sha256 } from "./sha256";

const ED25519 = 1;

/** What a checkpoint says: origin, size, root in hexadecimal; `text` is what is signed. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly text: string;
}

/** Whether a signature holds; `unable` when this browser knows no Ed25519. */
export type Held = "holds" | "broken" | "unable";

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Read a note; null when it is none. */
export function readNote(note: string): Checkpoint | null {
  const end = note.indexOf("\n\n");
  const [origin, size, root, ...more] = note.slice(0, end).split("\n");
  const bytes = bytesOf(root ?? "");
  if (end < 0 || !origin || !/^\d{1,15}$/.test(size ?? "") || bytes?.length !== 32 || more.length > 0) return null;
  return { origin, size: Number(size), root: hex(bytes), text: note.slice(0, end + 1) };
}

interface Key {
  readonly name: string;
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly hash: string;
}

/** Read `name+hash+base64(0x01 || key)`; null when the hash does not fit, or it is none. */
function readKey(text: string): Key | null {
  const [name, hash, ...rest] = text.trim().split("+");
  const bytes = bytesOf(rest.join("+"));
  if (!name || !hash || bytes?.length !== 33 || bytes[0] !== ED25519) return null;
  const named = new TextEncoder().encode(`${name}\n`);
  const whole = new Uint8Array([...named, ...bytes]);
  return hex(sha256(whole).subarray(0, 4)) === hash ? { name, raw: bytes.slice(1), hash } : null;
}

/** Whether one of a note's signatures is the key's, and holds. */
export async function holds(note: string, verifier: string): Promise<Held> {
  const checkpoint = readNote(note);
  const key = readKey(verifier);
  if (checkpoint === null || key === null || checkpoint.origin !== key.name) return "broken";
  const lines = note.slice(note.indexOf("\n\n") + 2).split("\n");
  const signature = lines
    .filter((line) => line.startsWith(`— ${key.name} `))
    .map((line) => bytesOf(line.slice(`— ${key.name} `.length)))
    .find((bytes) => bytes?.length === 68 && hex(bytes.subarray(0, 4)) === key.hash);
  if (!signature) return "broken";
  return check(key.raw, signature.slice(4), new TextEncoder().encode(checkpoint.text));
}

async function check(
  raw: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>, text: Uint8Array<ArrayBuffer>,
): Promise<Held> {
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
  } catch {
    return "unable"; // an older browser, or a page that is not secure
  }
  return (await crypto.subtle.verify("Ed25519", key, signature, text)) ? "holds" : "broken";
}
