"use client";

import { Plus, X } from "lucide-react";
import { useState, type KeyboardEvent } from "react";
import { IconButton } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/field";

interface StopFieldProps {
  stops: string[];
  problem: string | undefined;
  onChange: (stops: string[]) => void;
}

/** Texts at which the answer ends. \n and \t can be typed as such. */
export function StopField({ stops, problem, onChange }: StopFieldProps) {
  const [text, setText] = useState("");
  const add = (): void => {
    const stop = text.replaceAll("\\n", "\n").replaceAll("\\t", "\t");
    if (stop !== "" && !stops.includes(stop)) onChange([...stops, stop]);
    setText("");
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  };
  return (
    <div className="space-y-2">
      <Field
        label="Stop texts"
        help="The answer ends before one of them. \n is a line end."
        error={problem}
      >
        {(ids) => (
          <div className="flex gap-2">
            <Input
              {...ids}
              autoComplete="off"
              className="font-mono"
              value={text}
              onChange={(event) => setText(event.target.value)}
              onKeyDown={press}
            />
            <IconButton label="Add the stop text" disabled={text === ""} onClick={add}>
              <Plus size={16} aria-hidden />
            </IconButton>
          </div>
        )}
      </Field>
      {stops.length > 0 && (
        <ul className="flex flex-wrap gap-1.5" aria-label="Stop texts">
          {stops.map((stop) => (
            <li
              key={stop}
              className="inline-flex items-center rounded-md bg-sunken pl-2 font-mono text-xs"
            >
              {JSON.stringify(stop).slice(1, -1)}
              <IconButton
                label={`Remove the stop text ${JSON.stringify(stop)}`}
                onClick={() => onChange(stops.filter((one) => one !== stop))}
              >
                <X size={13} aria-hidden />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
