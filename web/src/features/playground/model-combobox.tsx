"use client";

import clsx from "clsx";
import { ChevronsUpDown } from "lucide-react";
import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { Input } from "@/components/ui/field";
import { matching, type ModelOption } from "./model-options";

/** More are found by typing. */
const mostShown = 100;

interface ModelComboboxProps {
  label: string;
  value: string;
  options: ModelOption[];
  /** `model` names whose engine is ready. */
  isLoaded: (value: string) => boolean;
  onPick: (value: string) => void;
}

/** A `model` value: chosen from the list, or typed. An ARIA combobox. */
export function ModelCombobox({ label, value, options, isLoaded, onPick }: ModelComboboxProps) {
  const base = useId();
  const input = useRef<HTMLInputElement>(null);
  // null: closed, the input shows the value.
  const [typed, setTyped] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const open = typed !== null;
  // A name that comes while the field has the focus gives way to what is typed, too.
  useEffect(() => {
    if (!open && document.activeElement === input.current) input.current?.select();
  }, [value, open]);
  const found = matching(options, typed ?? "");
  const shown = found.slice(0, mostShown);
  const free = (typed ?? "").trim();
  if (free !== "" && !/\s/.test(free) && !options.some((option) => option.value === free)) {
    shown.push({ value: free, note: "as typed" });
  }
  const close = (): void => {
    setTyped(null);
    setAt(0);
  };
  const pick = (option: ModelOption | undefined): void => {
    if (option && option.value !== value) onPick(option.value);
    close();
  };
  const show = (): void => {
    setTyped("");
    setAt(
      Math.max(
        0,
        options.findIndex((option) => option.value === value),
      ),
    );
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && open) close();
    else if (event.key === "Enter" && open) pick(shown[at]);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!open) show();
      else {
        const step = event.key === "ArrowDown" ? 1 : -1;
        const next = (at + step + shown.length) % Math.max(1, shown.length);
        setAt(next);
        document.getElementById(`${base}-${next}`)?.scrollIntoView({ block: "nearest" });
      }
    } else return;
    event.preventDefault();
  };
  return (
    <div className="relative min-w-0 flex-1">
      <label htmlFor={base} className="sr-only">
        {label}
      </label>
      <Input
        ref={input}
        id={base}
        role="combobox"
        aria-expanded={open}
        aria-controls={`${base}-list`}
        aria-autocomplete="list"
        aria-activedescendant={open && shown[at] ? `${base}-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        className="truncate pr-8 font-medium"
        placeholder={open ? (value === "" ? "Search models" : value) : "Choose a model"}
        value={typed ?? value}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        // What is typed takes the place of the chosen name.
        onFocus={(event) => event.currentTarget.select()}
        onClick={() => !open && show()}
        onKeyDown={press}
        onBlur={close}
      />
      <ChevronsUpDown
        size={15}
        aria-hidden
        className="pointer-events-none absolute top-2.5 right-2.5 text-ink-faint"
      />
      <div
        id={`${base}-list`}
        role="listbox"
        aria-label={label}
        hidden={!open}
        className="absolute z-20 mt-1 max-h-80 w-full min-w-64 overflow-y-auto rounded-lg border border-line bg-raised py-1 text-sm shadow-lg"
      >
        {shown.map((option, index) => (
          // The keys are the input's, which says which one is active.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={option.value}
            id={`${base}-${index}`}
            role="option"
            aria-selected={option.value === value}
            tabIndex={-1}
            className={clsx(
              "cursor-pointer px-3 py-1.5",
              index === at ? "bg-accent-soft" : "hover:bg-sunken",
            )}
            // The input keeps the focus.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => pick(option)}
          >
            <span className="flex items-center justify-between gap-2">
              <span className="font-medium break-all">{option.value}</span>
              {isLoaded(option.value) && <span className="text-xs text-good">loaded</span>}
            </span>
            {option.note && (
              <span className="block truncate text-xs text-ink-faint">{option.note}</span>
            )}
          </div>
        ))}
        {found.length > mostShown && (
          <div role="presentation" className="px-3 py-1.5 text-xs text-ink-faint">
            {found.length - mostShown} more: type a part of the name
          </div>
        )}
        {shown.length === 0 && (
          <div role="presentation" className="px-3 py-1.5 text-xs text-ink-faint">
            No model has that in its name
          </div>
        )}
      </div>
    </div>
  );
}
