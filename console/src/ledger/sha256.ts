// SHA-256 (FIPS 180-4) without a promise for each hash: a tree of a million leaves wants a million of them.

const K = new Uint32Array(64);
const START = new Uint32Array(8);
{
  // The constants are the fractional parts of roots of the first primes, as the standard defines them.
  const fraction = (value: number): number => Math.floor((value - Math.floor(value)) * 2 ** 32);
  let found = 0;
  for (let candidate = 2; found < 64; candidate += 1) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) if (candidate % divisor === 0) prime = false;
    if (!prime) continue;
    if (found < 8) START[found] = fraction(Math.sqrt(candidate));
    K[found] = fraction(Math.cbrt(candidate));
    found += 1;
  }
}

const W = new Int32Array(64);
const CONSTANTS = new Int32Array(K.buffer);

function compress(state: Int32Array, block: DataView, at: number): void {
  for (let i = 0; i < 16; i += 1) W[i] = block.getInt32(at + i * 4);
  for (let i = 16; i < 64; i += 1) {
    const x = W[i - 15]!, y = W[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[i] = (W[i - 16]! + s0 + W[i - 7]! + s1) | 0;
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + CONSTANTS[i]! + W[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0;
    d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] = (state[0]! + a) | 0; state[1] = (state[1]! + b) | 0;
  state[2] = (state[2]! + c) | 0; state[3] = (state[3]! + d) | 0;
  state[4] = (state[4]! + e) | 0; state[5] = (state[5]! + f) | 0;
  state[6] = (state[6]! + g) | 0; state[7] = (state[7]! + h) | 0;
}

const STATE = new Int32Array(8);
const FIRST = new Int32Array(START.buffer);

/** The hash of a message. */
export function sha256(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = Math.ceil((message.length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(padded.length - 4, message.length << 3);
  STATE.set(FIRST);
  for (let at = 0; at < padded.length; at += 64) compress(STATE, view, at);
  const hash = new Uint8Array(32);
  const out = new DataView(hash.buffer);
  for (let i = 0; i < 8; i += 1) out.setInt32(i * 4, STATE[i]!);
  return hash;
}

const NODE = new Uint8Array(128);
const NODE_VIEW = new DataView(NODE.buffer);
NODE[0] = 0x01;
NODE[65] = 0x80;
NODE_VIEW.setUint32(124, 65 * 8);

/** SHA-256(0x01 || left || right), written to `to` at `at`; left and right are 32 bytes each from `from` at `first`. */
export function nodeHash(from: Uint8Array, first: number, second: number, to: Uint8Array, at: number): void {
  for (let i = 0; i < 32; i += 1) {
    NODE[1 + i] = from[first + i]!;
    NODE[33 + i] = from[second + i]!;
  }
  STATE.set(FIRST);
  compress(STATE, NODE_VIEW, 0);
  compress(STATE, NODE_VIEW, 64);
  for (let i = 0; i < 8; i += 1) {
    const word = STATE[i]!;
    to[at + i * 4] = word >>> 24;
    to[at + i * 4 + 1] = word >>> 16;
    to[at + i * 4 + 2] = word >>> 8;
    to[at + i * 4 + 3] = word;
  }
}
