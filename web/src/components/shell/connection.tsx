"use client";

import clsx from "clsx";
import { WifiOff } from "lucide-react";
import { useConnection } from "@/api/events";
import type { Connection } from "@/api/event-feed";

const words: Record<Connection, string> = {
  connecting: "Connecting",
  live: "Live",
  offline: "Offline",
};

/** Whether what the page shows is current. */
export function ConnectionState() {
  const connection = useConnection();
  return (
    <span role="status" className="flex items-center gap-2 px-1 text-xs text-ink-faint">
      <span
        aria-hidden
        className={clsx(
          "size-2 rounded-full",
          connection === "live" && "bg-good",
          connection === "connecting" && "animate-pulse bg-warn",
          connection === "offline" && "bg-bad",
        )}
      />
      {words[connection]}
    </span>
  );
}

/** Over every page while the hub does not answer. */
export function OfflineBanner() {
  if (useConnection() !== "offline") return null;
  return (
    <div
      role="alert"
      className="sticky top-14 z-20 flex items-center gap-3 border-b border-warn/40 bg-warn-soft px-4 py-2 text-sm text-warn"
    >
      <WifiOff size={16} aria-hidden />
      <p>
        The hub does not answer. What you see is as it was; this page goes on by itself when the hub
        is back.
      </p>
    </div>
  );
}
