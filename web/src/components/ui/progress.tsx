import clsx from "clsx";

interface ProgressProps {
  /** What goes on, for screen readers. */
  label: string;
  /** From 0 to 1; null: nobody knows how much there is. */
  share: number | null;
  className?: string;
}

export function Progress({ label, share, className }: ProgressProps) {
  const percent = share == null ? null : Math.min(100, Math.max(0, share * 100));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent == null ? undefined : Math.round(percent)}
      className={clsx("h-1.5 overflow-hidden rounded-full bg-sunken", className)}
    >
      <div
        className={clsx(
          "h-full rounded-full bg-accent transition-[width] duration-300",
          percent == null && "w-1/3 animate-pulse",
        )}
        style={percent == null ? undefined : { width: `${percent}%` }}
      />
    </div>
  );
}
