"use client";

import clsx from "clsx";
import { useId, type ComponentProps, type ReactNode } from "react";

const box =
  "w-full rounded-lg border border-line-strong/60 bg-raised px-3 text-sm text-ink placeholder:text-ink-faint hover:border-line-strong disabled:opacity-60 aria-invalid:border-bad";

interface FieldProps {
  label: string;
  /** What the setting does and in which unit. */
  help?: ReactNode;
  /** Why the value cannot be taken. */
  error?: string | null;
  /** Shows the label to screen readers only. */
  hideLabel?: boolean;
  className?: string;
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

/** A label, a control and what explains it, tied together: `<Field label="Rank">{(ids) => <Input {...ids} />}</Field>`. */
export function Field({ label, help, error, hideLabel, className, children }: FieldProps) {
  const id = useId();
  const helpId = `${id}-help`;
  return (
    <div className={clsx("min-w-0", className)}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1 block text-sm font-medium"}>
        {label}
      </label>
      {children({
        id,
        ...((help != null || error) && { "aria-describedby": helpId }),
        ...(error && { "aria-invalid": true as const }),
      })}
      {(help != null || error) && (
        <p id={helpId} className={clsx("mt-1 text-xs", error ? "text-bad" : "text-ink-faint")}>
          {error ?? help}
        </p>
      )}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input {...rest} className={clsx(box, "h-9", className)} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea {...rest} className={clsx(box, "py-2", className)} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select {...rest} className={clsx(box, "h-9 pr-8", className)} />;
}

interface CheckboxProps extends Omit<ComponentProps<"input">, "type"> {
  label: ReactNode;
  help?: ReactNode;
}

export function Checkbox({ label, help, className, ...rest }: CheckboxProps) {
  const id = useId();
  return (
    <div className={clsx("flex items-start gap-2.5 text-sm", className)}>
      <input
        type="checkbox"
        id={id}
        aria-describedby={help == null ? undefined : `${id}-help`}
        {...rest}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <div className="min-w-0">
        <label htmlFor={id} className="cursor-pointer font-medium">
          {label}
        </label>
        {help != null && (
          <p id={`${id}-help`} className="text-xs text-ink-faint">
            {help}
          </p>
        )}
      </div>
    </div>
  );
}
