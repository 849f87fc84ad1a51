// Where nobody speaks, from the peaks: so that a listener may skip it.

const QUIET = 10; // of 255: the noise of a quiet line
const LEAST_MS = 1500;
const MARGIN_MS = 250;

/** Stretches [from, to) in milliseconds in which neither party is heard for a second and a half or more. */
export function silences(peaks: readonly (readonly number[])[], bucketMs: number): readonly (readonly [number, number])[] {
  const count = Math.max(0, ...peaks.map((one) => one.length));
  const found: [number, number][] = [];
  let from = -1;
  for (let at = 0; at <= count; at += 1) {
    const quiet = at < count && peaks.every((one) => (one[at] ?? 0) < QUIET);
    if (quiet && from < 0) from = at;
    if (quiet || from < 0) continue;
    const [start, stop] = [from * bucketMs + MARGIN_MS, at * bucketMs - MARGIN_MS];
    if (stop - start >= LEAST_MS) found.push([start, stop]);
    from = -1;
  }
  return found;
}
