// The whole check of a ledger, step by step. Each step says what it found; the first that fails ends the check.
import { ask, askBytes, type Problem } from "../asking";
import { type Kept, keep, kept } from "./kept";
import { HASH, hex, leafOf } from "./merkle";
import { type Checkpoint, holds, readNote } from "./note";
import { Step } from "./steps";
import type { Given, Tallied } from "./tally";

/** `GET /api/ledger`. */
interface Ledger {
  readonly size: number;
  readonly origin: string;
  readonly checkpoint: string;
  readonly verifier_key: string;
}

/** An entry as it is hashed: `line` is the canonical text. */
interface Entry {
  readonly index: number;
  readonly line: string;
}

/** What is checked: the API's address, the worker's, and the entries that the page shows. */
export interface Wanted {
  readonly address: string;
  readonly worker: string;
  readonly first: number;
  readonly count: number;
  readonly shown: ReadonlyMap<number, string>; // index → the kind that the page shows
}

const A_PAGE = 65_536;
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
const COUNT = new Intl.NumberFormat("en");

/** A check that failed; the step says why already. */
class Failed extends Error {}

function entries(count: number): string {
  return `${COUNT.format(count)} ${count === 1 ? "entry" : "entries"}`;
}

/** Check a ledger; true when everything holds. */
export async function check(wanted: Wanted, list: HTMLElement): Promise<boolean> {
  try {
    const { checkpoint, ledger } = await signed(wanted, list);
    const before = kept();
    const { roots, leaves } = await tallied(wanted, checkpoint, before, list);
    await shown(wanted, checkpoint, leaves, list);
    appended(checkpoint, before, roots, list);
    limits(keep(checkpoint, ledger.checkpoint, before), list);
    return true;
  } catch (error) {
    if (error instanceof Failed) return false;
    throw error;
  }
}

function fail(step: Step, words: string): never {
  step.say("bad", words);
  throw new Failed(words);
}

function failed(step: Step, problem: Problem): never {
  return fail(step, `${problem.title}. ${problem.detail}`);
}

async function signed(wanted: Wanted, list: HTMLElement): Promise<{ checkpoint: Checkpoint; ledger: Ledger }> {
  const asking = new Step(list, "Asking for the latest checkpoint and the public key…");
  const answer = await ask<Ledger>("GET", wanted.address);
  if ("problem" in answer) failed(asking, answer.problem);
  const ledger = answer.value;
  const checkpoint = readNote(ledger.checkpoint);
  if (checkpoint === null) fail(asking, "What came is no checkpoint.");
  asking.say("good", `The checkpoint states ${entries(checkpoint.size)} under the origin ${checkpoint.origin}.`);
  const step = new Step(list, "Checking its signature…");
  const held = await holds(ledger.checkpoint, ledger.verifier_key);
  if (held === "broken") fail(step, "The signature does not hold: this checkpoint was not signed by the ledger's key.");
  if (held === "unable") {
    step.say("look", "This browser knows no Ed25519, so the signature was not checked; everything else is. " +
      "`overt ledger verify` checks it too.");
  } else step.say("good", "Its Ed25519 signature holds: it was signed by the ledger's key.");
  return { checkpoint, ledger };
}

interface Leaves {
  readonly roots: Readonly<Record<number, string>>;
  readonly leaves: ReadonlyMap<number, string>; // index → leaf, of the entries that the page shows
}

/** Fetch every leaf, page by page, and grow the tree in a worker. */
async function tallied(wanted: Wanted, checkpoint: Checkpoint, before: Kept | null, list: HTMLElement): Promise<Leaves> {
  const step = new Step(list, `Computing the tree's root from its ${COUNT.format(checkpoint.size)} leaves…`);
  const worker = new Worker(wanted.worker);
  const leaves = new Map<number, string>();
  try {
    let done = await given(worker, { wanted: [checkpoint.size, before?.size ?? 0] });
    while (done.size < checkpoint.size) {
      const count = Math.min(A_PAGE, checkpoint.size - done.size);
      const answer = await askBytes(`${wanted.address}/leaves?first=${done.size}&count=${count}`);
      if ("problem" in answer) failed(step, answer.problem);
      if (answer.value.length !== count * HASH) fail(step, `Leaves are missing: ${count} were asked for from ${done.size} on.`);
      note(leaves, wanted, done.size, answer.value);
      done = await given(worker, { leaves: answer.value.buffer });
      step.far(done.size / checkpoint.size, "Leaves computed");
    }
    if (done.roots[checkpoint.size] !== checkpoint.root) {
      fail(step, "The root that these leaves give is another than the one that was signed: an entry was changed, added or taken away.");
    }
    step.say("good", `The ${COUNT.format(checkpoint.size)} leaves give exactly the root that was signed.`);
    return { roots: done.roots, leaves };
  } finally {
    worker.terminate();
  }
}

function note(leaves: Map<number, string>, wanted: Wanted, from: number, bytes: Uint8Array): void {
  for (let index = Math.max(from, wanted.first); index < wanted.first + wanted.count; index += 1) {
    const at = (index - from) * HASH;
    if (at + HASH > bytes.length) return;
    leaves.set(index, hex(bytes.subarray(at, at + HASH)));
  }
}

function given(worker: Worker, sent: Given): Promise<Tallied> {
  return new Promise((resolve, reject) => {
    worker.onmessage = (event: MessageEvent<Tallied>) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(sent, sent.leaves ? [sent.leaves] : []);
  });
}

/** The entries of this page: each line must hash to its leaf, and say what the page shows. */
async function shown(wanted: Wanted, checkpoint: Checkpoint, leaves: ReadonlyMap<number, string>, list: HTMLElement): Promise<void> {
  if (wanted.count === 0) return;
  const step = new Step(list, "Hashing the entries that this page shows…");
  const answer = await ask<{ entries: readonly Entry[] }>(
    "GET", `${wanted.address}/entries?first=${wanted.first}&count=${wanted.count}`,
  );
  if ("problem" in answer) failed(step, answer.problem);
  const covered = answer.value.entries.filter((one) => one.index < checkpoint.size);
  for (const one of covered) {
    if (leafOf(one.line) !== leaves.get(one.index)) fail(step, `Entry ${one.index} is not the one whose hash stands in the tree.`);
    const kind = wanted.shown.get(one.index);
    if (kind !== undefined && kind !== (JSON.parse(one.line) as { kind: string }).kind) {
      fail(step, `Entry ${one.index} says something else than this page shows.`);
    }
  }
  if (covered.length < leaves.size) fail(step, `Of ${leaves.size} entries of this page only ${covered.length} came.`);
  step.say("good", `The ${entries(covered.length)} that this page shows hash to their leaves.`);
}

/** Against the checkpoint that this browser kept: the old root must be the root of the first leaves. */
function appended(checkpoint: Checkpoint, before: Kept | null, roots: Readonly<Record<number, string>>, list: HTMLElement): void {
  const step = new Step(list, "Comparing with what this browser saw before…");
  if (before === null) {
    step.say("plain", "This browser has not seen this ledger before. It keeps this checkpoint and compares with it next time.");
    return;
  }
  const seen = DAY.format(new Date(before.last_at));
  if (before.origin !== checkpoint.origin) {
    step.say("look", `On ${seen} UTC this browser saw another ledger here (${before.origin}). Unless Overt was set up anew, ask why.`);
    return;
  }
  if (checkpoint.size < before.size) {
    fail(step, `On ${seen} UTC there were ${entries(before.size)}; now there are fewer. History was cut off.`);
  }
  if (roots[before.size] !== before.root) {
    fail(step, `The first ${entries(before.size)} are not those of ${seen} UTC. History was written anew.`);
  }
  const added = checkpoint.size - before.size;
  step.say("good", `The ${entries(before.size)} that this browser saw on ${seen} UTC are all there, unchanged` +
    (added > 0 ? `; ${entries(added)} ${added === 1 ? "was" : "were"} added.` : "."));
}

/** What all of that does not prove. */
function limits(first: Kept, list: HTMLElement): void {
  const since = DAY.format(new Date(first.first_at));
  new Step(list, "").say("plain", `Not proven: that every call passed Overt, and anything against this machine's owner before ` +
    `the first checkpoint that somebody else holds. This browser holds one since ${since} UTC, at ${entries(first.first_size)}.`);
}
