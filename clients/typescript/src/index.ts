// A typed client of upnext's HTTP API.
//
//   const client = new Client("http://127.0.0.1:8080", { key: "..." });
//   const feed = await client.getRecommendations({ user: "U123", n: 20, device: "tv" });
//   await client.send([{ user: "U123", type: "click", item: feed.items[0].item, request: feed.request }]);
import { Event, Operations, PostEventsAnswer } from "./generated.js";

export * from "./generated.js";
export { UpnextError, type Options } from "./transport.js";

/** One server; the operations are what can be asked. */
export class Client extends Operations {
  /**
   * Posts events, each with an id, so that one that arrives twice counts once. Events without an id get one; up to 10,000
   * at a time, all or nothing.
   */
  send(events: Event[]): Promise<PostEventsAnswer> {
    const withIds = events.map((event) => (event.id ? event : { ...event, id: crypto.randomUUID() }));
    return this.call<PostEventsAnswer>("POST", "/v1/events", {}, { events: withIds }, {}, true);
  }

  /** All rows of a list, page by page: `client.pages((query) => client.listItems(query), "items")`. */
  async *pages<K extends string, R>(
    listSome: (query: { n: number; after?: string }) => Promise<{ next?: string | null } & { [key in K]: R[] }>,
    key: K,
    n = 1000,
  ): AsyncGenerator<R> {
    let after: string | undefined;
    do {
      const page = await listSome(after === undefined ? { n } : { n, after });
      yield* page[key];
      after = page.next ?? undefined;
    } while (after !== undefined);
  }
}
