"use client";

import { X } from "lucide-react";
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { ApiError, messageOf } from "@/api/errors";
import { IconButton } from "./button";

interface Toast {
  id: number;
  tone: "good" | "bad";
  text: string;
  detail: string | null;
}

interface Toasts {
  /** Says that something worked; goes away by itself. */
  say: (text: string) => void;
  /** Says that something failed and why; stays until closed. */
  fail: (text: string, error: unknown) => void;
}

const ToastContext = createContext<Toasts | null>(null);
const shownMs = 5_000;
let lastId = 0;

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const close = useCallback((id: number) => {
    setToasts((all) => all.filter((toast) => toast.id !== id));
  }, []);
  const add = useCallback((toast: Omit<Toast, "id">) => {
    lastId += 1;
    const id = lastId;
    setToasts((all) => [...all.slice(-3), { ...toast, id }]);
    return id;
  }, []);
  const value = useMemo<Toasts>(
    () => ({
      say: (text) => {
        const id = add({ tone: "good", text, detail: null });
        setTimeout(() => close(id), shownMs);
      },
      fail: (text, error) => {
        const request =
          error instanceof ApiError && error.requestId ? ` (request ${error.requestId})` : "";
        add({ tone: "bad", text, detail: messageOf(error) + request });
      },
    }),
    [add, close],
  );
  return (
    <ToastContext.Provider value={value}>
      {children}
      <div
        aria-live="polite"
        className="pointer-events-none fixed right-4 bottom-4 z-50 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2"
      >
        {toasts.map((toast) => (
          <div
            key={toast.id}
            role={toast.tone === "bad" ? "alert" : "status"}
            className={`pointer-events-auto flex items-start gap-3 rounded-lg border bg-raised px-4 py-3 text-sm shadow-lg ${toast.tone === "bad" ? "border-bad/50" : "border-line"}`}
          >
            <div className="min-w-0 flex-1">
              <p className={toast.tone === "bad" ? "font-medium text-bad" : "font-medium"}>
                {toast.text}
              </p>
              {toast.detail && <p className="mt-0.5 break-words text-ink-soft">{toast.detail}</p>}
            </div>
            <IconButton label="Dismiss" className="-my-1 -mr-2" onClick={() => close(toast.id)}>
              <X size={16} aria-hidden />
            </IconButton>
          </div>
        ))}
      </div>
    </ToastContext.Provider>
  );
}

export function useToasts(): Toasts {
  const toasts = useContext(ToastContext);
  if (!toasts) throw new Error("useToasts needs a ToastProvider above it");
  return toasts;
}
