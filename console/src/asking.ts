// Asking the server: every answer is a value or a problem in plain words (RFC 9457), never an exception.

/** What went wrong, as it is shown. `status` 0: no answer came. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
}

export type Answer<T> = { readonly value: T } | { readonly problem: Problem };

const SILENT: Problem = {
  status: 0,
  title: "No answer",
  detail: "The server cannot be reached. Calls and recording do not depend on this page; try again in a moment.",
};
// status → what to do about it, where the server's own words may not say.
const REMEDIES: Readonly<Record<number, string>> = {
  401: "You were signed out. Load the page again to sign in.",
  429: "Wait a moment, then try again.",
  500: "It is in the log of the web process, with the time. Nothing was opened.",
  502: "The proxy in front of Overt got no answer; try again in a moment.",
  503: "Something of Overt's does not answer, or the ledger cannot be written. Nothing was opened; `overt doctor` says more.",
};

/** The token that shows that a request comes from our own page. */
export function csrf(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "";
}

/** Ask for something; `body` is sent as JSON. */
export async function ask<T>(method: string, address: string, body?: unknown, signal?: AbortSignal): Promise<Answer<T>> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") headers["x-overt-csrf"] = csrf();
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    const response = await fetch(address, {
      method, headers, body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null, cache: "no-store",
    });
    if (!response.ok) return { problem: await problemOf(response) };
    return { value: (await response.json()) as T };
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    return { problem: SILENT };
  }
}

/** Read bytes. */
export async function askBytes(address: string): Promise<Answer<Uint8Array<ArrayBuffer>>> {
  try {
    const response = await fetch(address, { cache: "no-store" });
    if (!response.ok) return { problem: await problemOf(response) };
    return { value: new Uint8Array(await response.arrayBuffer()) };
  } catch {
    return { problem: SILENT };
  }
}

/** What an answer that is not good says. */
export async function problemOf(response: Response): Promise<Problem> {
  let said: Partial<Problem> = {};
  if ((response.headers.get("content-type") ?? "").includes("json")) {
    said = (await response.json().catch(() => ({}))) as Partial<Problem>;
  }
  const remedy = REMEDIES[response.status] ?? "";
  const detail = [said.detail ?? "", remedy].filter((one) => one !== "").join(" ");
  return { status: response.status, title: said.title ?? `The server answered ${response.status}`, detail };
}
