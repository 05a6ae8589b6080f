import clsx from "clsx";
import type { ButtonHTMLAttributes, ComponentProps } from "react";
import { Link } from "./link";

type Look = "primary" | "plain" | "quiet" | "danger";
type Size = "small" | "normal";

const looks: Record<Look, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong border-transparent",
  plain: "bg-raised text-ink border-line hover:border-line-strong",
  quiet: "border-transparent text-ink-soft hover:bg-sunken hover:text-ink",
  danger: "bg-raised text-bad border-line hover:border-bad hover:bg-bad-soft",
};
const sizes: Record<Size, string> = {
  small: "h-8 gap-1.5 px-2.5 text-sm",
  normal: "h-9 gap-2 px-3.5 text-sm",
};

function classes(look: Look, size: Size, extra?: string): string {
  return clsx(
    "inline-flex shrink-0 items-center justify-center rounded-lg border font-medium whitespace-nowrap transition-colors",
    "disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:opacity-50",
    looks[look],
    sizes[size],
    extra,
  );
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  size?: Size;
  /** Work is under way: the button cannot be pressed and says so to screen readers. */
  busy?: boolean;
}

export function Button({ look = "plain", size = "normal", busy, className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-busy={busy ?? undefined}
      disabled={rest.disabled ?? busy}
      className={classes(look, size, className)}
    />
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** What the button does, for the tooltip and for screen readers. */
  label: string;
}

/** A square button that shows only an icon. */
export function IconButton({ label, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-label={label}
      title={label}
      className={clsx(
        "inline-flex size-8 shrink-0 items-center justify-center rounded-lg text-ink-soft transition-colors",
        "hover:bg-sunken hover:text-ink disabled:cursor-not-allowed disabled:opacity-50",
        className,
      )}
    />
  );
}

interface LinkButtonProps extends ComponentProps<typeof Link> {
  look?: Look;
  size?: Size;
}

/** A link that looks like a button: it goes somewhere and changes nothing. */
export function LinkButton({
  look = "plain",
  size = "normal",
  className,
  ...rest
}: LinkButtonProps) {
  return <Link {...rest} className={classes(look, size, className)} />;
}
