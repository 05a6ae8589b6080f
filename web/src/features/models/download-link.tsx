"use client";

import { Download } from "lucide-react";
import { useRef, useState, useSyncExternalStore } from "react";
import { download } from "@/api/download";
import { isAbort } from "@/api/errors";
import { apiKey, subscribeToKey } from "@/api/key";
import { useToasts } from "@/components/ui/toast";
import { formatBytes } from "@/format";

interface DownloadLinkProps {
  /** Of the API: "/versions/…/files/config.json". */
  path: string;
  /** Of the file that is saved. */
  name: string;
}

const look =
  "inline-flex h-8 items-center gap-1.5 rounded-lg px-2 text-sm whitespace-nowrap text-ink-soft hover:bg-sunken hover:text-ink";

/** Saves a file of the hub: a plain link, or where a key is needed a download that shows how far it is. */
export function DownloadLink({ path, name }: DownloadLinkProps) {
  const key = useSyncExternalStore(subscribeToKey, apiKey, () => null);
  if (key != null) return <KeyedDownload path={path} name={name} />;
  return (
    <a href={path} download={name} className={look} aria-label={`Download ${name}`}>
      <Download size={15} aria-hidden />
      Download
    </a>
  );
}

function KeyedDownload({ path, name }: DownloadLinkProps) {
  const [received, setReceived] = useState<number | null>(null);
  const abort = useRef<AbortController | null>(null);
  const toasts = useToasts();
  const start = async (): Promise<void> => {
    const controller = new AbortController();
    abort.current = controller;
    setReceived(0);
    try {
      await download(path, name, controller.signal, setReceived);
    } catch (error) {
      if (!isAbort(error)) toasts.fail(`${name} could not be downloaded`, error);
    } finally {
      setReceived(null);
    }
  };
  if (received != null) {
    return (
      <button
        type="button"
        className={look}
        aria-label={`Cancel the download of ${name}`}
        onClick={() => abort.current?.abort()}
      >
        {formatBytes(received)} · cancel
      </button>
    );
  }
  return (
    <button
      type="button"
      className={look}
      aria-label={`Download ${name}`}
      onClick={() => void start()}
    >
      <Download size={15} aria-hidden />
      Download
    </button>
  );
}
