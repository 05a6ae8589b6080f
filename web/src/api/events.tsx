"use client";

import {
  createContext,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import { EventFeed, type Connection, type HubEvent } from "./event-feed";
import { subscribeToKey } from "./key";
import { pathsChangedBy } from "./freshness";
import { useRefresh } from "./refresh";

const FeedContext = createContext<EventFeed | null>(null);

/** Gathers what events make stale for so long before it is asked for again. */
const gatherMs = 250;

/** Opens the hub's event stream once, and asks again for what its events made stale. */
export function EventsProvider({ children }: { children: ReactNode }) {
  const [feed] = useState(() => new EventFeed());
  const refreshBelow = useRefresh();

  useEffect(() => {
    const stale = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = (): void => {
      timer = undefined;
      const prefixes = [...stale];
      stale.clear();
      void refreshBelow(prefixes);
    };
    const note = (paths: string[]): void => {
      for (const path of paths) stale.add(path);
      if (stale.size > 0) timer ??= setTimeout(refresh, gatherMs);
    };
    let was: Connection = feed.connection;
    const removers = [
      feed.onEvent((event) => note(pathsChangedBy(event))),
      feed.onConnection(() => {
        // What happened while the hub was away may not all be events (engines, memory).
        if (feed.connection === "live" && was === "offline") note(["/"]);
        was = feed.connection;
      }),
      subscribeToKey(() => {
        feed.reconnect();
        note(["/"]);
      }),
      feed.start(),
    ];
    return () => {
      clearTimeout(timer);
      for (const remove of removers) remove();
    };
  }, [feed, refreshBelow]);

  return <FeedContext.Provider value={feed}>{children}</FeedContext.Provider>;
}

function useFeed(): EventFeed {
  const feed = useContext(FeedContext);
  if (!feed) throw new Error("useFeed needs an EventsProvider above it");
  return feed;
}

/** Calls `listener` for every event from now on; it may change from render to render. */
export function useEvents(listener: (event: HubEvent) => void): void {
  const feed = useFeed();
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => feed.onEvent((event) => latest.current(event)), [feed]);
}

/** How the page is connected to the hub, live. */
export function useConnection(): Connection {
  const feed = useFeed();
  return useSyncExternalStore(
    (watcher) => feed.onConnection(watcher),
    () => feed.connection,
    () => "connecting",
  );
}
