// Requests by fetch, with repetition where that is safe. Runs in Node.js 18 and newer and in browsers.

/** An answer that is a problem, or that there was none. `status` is 0 without an answer. */
export class UpnextError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(status ? `${status} ${title}: ${detail}` : detail);
    this.name = "UpnextError";
  }
}

export interface Options {
  /** Of `upnext keys add`; in a web page, one with the role page. */
  key?: string;
  /** Milliseconds for each attempt; 10,000 when left out. */
  timeoutMs?: number;
  /** How often a request is sent again after 429, 503 or a lost connection; 2 when left out. */
  repeats?: number;
}

type Value = string | number | boolean | undefined | null;
export type Query = Record<string, unknown>;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One server. */
export class Transport {
  private readonly base: string;
  private readonly options: Required<Omit<Options, "key">> & Pick<Options, "key">;

  /** `url`: http://HOST[:PORT] or https://HOST[:PORT] */
  constructor(url: string, options: Options = {}) {
    const parsed = new URL(url);
    if (!/^https?:$/.test(parsed.protocol) || parsed.search || parsed.hash) {
      throw new TypeError(`url: expected http://HOST[:PORT] or https://HOST[:PORT], found ${url}`);
    }
    this.base = url.replace(/\/+$/, "");
    this.options = { timeoutMs: 10_000, repeats: 2, ...options };
  }

  protected segment(text: string): string {
    return encodeURIComponent(text);
  }

  protected async call<T>(
    method: string,
    path: string,
    query: Query,
    body: unknown,
    prefixes: Record<string, string>,
    safe = false,
  ): Promise<T> {
    return JSON.parse(await this.callText(method, path, query, body, prefixes, safe)) as T;
  }

  /** `safe`: whether the request has the same effect when it is sent twice. */
  protected async callText(
    method: string,
    path: string,
    query: Query,
    body: unknown,
    prefixes: Record<string, string>,
    safe = false,
  ): Promise<string> {
    const target = this.base + path + this.queryText(query, prefixes);
    const headers: Record<string, string> = {};
    if (this.options.key) headers["Authorization"] = `Bearer ${this.options.key}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const repeatable = safe || method === "GET" || method === "PUT" || method === "DELETE";
    for (let attempt = 0; ; ++attempt) {
      const last = attempt >= this.options.repeats;
      let answer: Response;
      let text: string;
      try {
        answer = await fetch(target, {
          method,
          headers,
          body: body === undefined ? undefined : JSON.stringify(body),
          signal: AbortSignal.timeout(this.options.timeoutMs),
        });
        text = await answer.text();
      } catch (error) {
        if (last || !repeatable) throw new UpnextError(0, "", `no answer from ${this.base}: ${String(error)}`);
        await wait(50 * 2 ** attempt * (1 + Math.random()));
        continue;
      }
      // The server refuses before it does anything, so these may always be repeated.
      if ((answer.status === 429 || answer.status === 503) && !last) {
        const seconds = Number(answer.headers.get("Retry-After") ?? NaN);
        await wait(Math.min(Number.isFinite(seconds) ? 1000 * seconds : 100 * 2 ** attempt, this.options.timeoutMs));
        continue;
      }
      if (answer.status >= 400) throw problemOf(answer.status, text);
      return text;
    }
  }

  private queryText(query: Query, prefixes: Record<string, string>): string {
    const pairs: string[] = [];
    const add = (name: string, value: unknown) => {
      for (const one of (Array.isArray(value) ? value : [value]) as Value[]) {
        if (one === undefined || one === null) continue;
        pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(String(one))}`);
      }
    };
    for (const [name, value] of Object.entries(query)) {
      const prefix = prefixes[name];
      if (prefix === undefined) add(name, value);
      else for (const [key, one] of Object.entries((value ?? {}) as Query)) add(prefix + key, one);
    }
    return pairs.length > 0 ? `?${pairs.join("&")}` : "";
  }
}

function problemOf(status: number, text: string): UpnextError {
  try {
    const problem = JSON.parse(text) as { title: string; detail: string };
    if (typeof problem.detail === "string") return new UpnextError(status, problem.title, problem.detail);
  } catch {
    // not a problem of this server
  }
  return new UpnextError(status, "", text.slice(0, 200));
}
