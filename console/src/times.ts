// Times are written in UTC, as the ledger has them; pointing at one says it in the reader's own time.

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** Gives every `<time>` its local reading as a title. */
export function titleTimes(root: ParentNode): void {
  for (const time of root.querySelectorAll<HTMLTimeElement>("time[datetime]:not([title])")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) time.title = `Here: ${LOCAL.format(moment)}`;
  }
}

/** A length as people say it: `0:07`, `12:30`, `1:02:03`. */
export function clock(milliseconds: number): string {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(seconds).padStart(2, "0")}`;
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** The same with tenths of a second, for short stretches: `0:07.3`. */
export function fineClock(milliseconds: number): string {
  return `${clock(milliseconds)}.${Math.floor(Math.max(0, milliseconds) / 100) % 10}`;
}

/** A length in words, as the pages write it: `7.7 s`, `12 min 5 s`, `1 h 3 min`. */
export function lengthOf(milliseconds: number): string {
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const whole = Math.floor((milliseconds + 500) / 1000);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
