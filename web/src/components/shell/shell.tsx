"use client";

import { Menu, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { SWRConfig } from "swr";
import { EventsProvider } from "@/api/events";
import { ApiError } from "@/api/errors";
import { refreshPages } from "@/api/page-refresh";
import { renderInParts } from "@/api/render-in-parts";
import { IconButton } from "@/components/ui/button";
import { Link } from "@/components/ui/link";
import { ToastProvider } from "@/components/ui/toast";
import { ConnectionState, OfflineBanner } from "./connection";
import { KeyDialog } from "./key-dialog";
import { Sidebar } from "./sidebar";
import { ThemeToggle } from "./theme-toggle";

const swrOptions = {
  use: [refreshPages, renderInParts],
  // Events say what is stale; asking at every focus as well would only be load.
  revalidateOnFocus: false,
  keepPreviousData: true,
  // What the hub refused it refuses again; what it could not answer may pass.
  shouldRetryOnError: (error: unknown) => !(error instanceof ApiError && error.status < 500),
  errorRetryInterval: 3_000,
};

/** What surrounds every page: navigation, connection, messages, the live stream. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <SWRConfig value={swrOptions}>
      <EventsProvider>
        <ToastProvider>
          <Frame>{children}</Frame>
          <KeyDialog />
        </ToastProvider>
      </EventsProvider>
    </SWRConfig>
  );
}

function Frame({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <a
        href="#content"
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-lg bg-accent px-3 py-2 text-sm font-medium text-on-accent focus:translate-y-0"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-30 flex h-14 items-center gap-3 border-b border-line bg-surface px-4">
        <IconButton
          label={open ? "Close the list of pages" : "Open the list of pages"}
          aria-expanded={open}
          aria-controls="drawer"
          className="lg:hidden"
          onClick={() => setOpen(!open)}
        >
          {open ? <X size={19} aria-hidden /> : <Menu size={19} aria-hidden />}
        </IconButton>
        <Link href="/" className="flex items-center gap-2.5 font-semibold">
          <Mark />
          MLX Model Hub
        </Link>
        <div className="ml-auto flex items-center gap-2">
          <ConnectionState />
          <ThemeToggle />
        </div>
      </header>
      <div className="flex">
        <aside className="sticky top-14 hidden h-[calc(100dvh-3.5rem)] w-56 shrink-0 overflow-y-auto border-r border-line bg-surface lg:block">
          <Sidebar />
        </aside>
        {open && (
          <div
            id="drawer"
            className="fixed inset-x-0 top-14 bottom-0 z-40 overflow-y-auto bg-surface lg:hidden"
          >
            <Sidebar onNavigate={() => setOpen(false)} />
          </div>
        )}
        <div className="min-w-0 flex-1">
          <OfflineBanner />
          <main id="content" tabIndex={-1} className="mx-auto max-w-7xl p-4 outline-none sm:p-6">
            {children}
          </main>
        </div>
      </div>
    </>
  );
}

/** The product's mark: layers, one of them lifted out. */
function Mark() {
  return (
    <svg width="24" height="24" viewBox="0 0 24 24" aria-hidden className="text-accent">
      <path d="M12 2 22 7.5 12 13 2 7.5Z" fill="currentColor" />
      <path
        d="M2 12.2 12 17.7 22 12.2M2 16.6 12 22 22 16.6"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        opacity=".55"
      />
    </svg>
  );
}
