"use client";

import clsx from "clsx";
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Button } from "./button";

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  /** Why it cannot be chosen now. */
  unavailable?: string;
}

interface MenuProps {
  label: ReactNode;
  /** Of the button, where its label is no text. */
  name?: string;
  items: readonly MenuItem[];
  size?: "small" | "normal";
}

/** A button that opens a list of actions, by the ARIA pattern: arrow keys move, Escape closes. */
export function Menu({ label, name, items, size }: MenuProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return;
    entries(list.current)[0]?.focus();
    const closeOutside = (event: Event): void => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", closeOutside);
    return () => document.removeEventListener("pointerdown", closeOutside);
  }, [open]);

  const close = (): void => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  const move = (event: KeyboardEvent): void => {
    if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      close();
      return;
    }
    const all = entries(list.current);
    const at = all.findIndex((entry) => entry === document.activeElement);
    const steps: Record<string, number> = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    };
    const next = all[steps[event.key] ?? -1];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
  return (
    <div ref={box} className="relative">
      <Button
        size={size}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={name}
        onClick={() => setOpen(!open)}
      >
        {label}
      </Button>
      {open && (
        <div
          ref={list}
          id={id}
          role="menu"
          aria-label={name ?? (typeof label === "string" ? label : "Actions")}
          tabIndex={-1}
          onKeyDown={move}
          className="absolute right-0 z-20 mt-1 w-max max-w-72 min-w-52 rounded-lg border border-line bg-raised p-1 shadow-lg"
        >
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              aria-disabled={item.unavailable ? true : undefined}
              onClick={() => {
                if (item.unavailable) return;
                close();
                item.onSelect();
              }}
              className={clsx(
                "flex w-full items-start gap-2.5 rounded-md px-2.5 py-1.5 text-left text-sm hover:bg-sunken focus-visible:bg-sunken",
                item.danger ? "text-bad" : "text-ink",
                item.unavailable && "cursor-not-allowed text-ink-faint",
              )}
            >
              {item.icon && <span className="mt-0.5 shrink-0">{item.icon}</span>}
              <span>
                {item.label}
                {item.unavailable && (
                  <span className="block max-w-56 text-xs text-ink-faint">{item.unavailable}</span>
                )}
              </span>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function entries(list: HTMLDivElement | null): HTMLButtonElement[] {
  return list ? [...list.querySelectorAll<HTMLButtonElement>("[role=menuitem]")] : [];
}
