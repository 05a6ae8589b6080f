import clsx from "clsx";
import type { ComponentProps, ReactNode } from "react";

interface TableProps {
  /** What the table lists, for screen readers. */
  label: string;
  children: ReactNode;
}

/** A table that scrolls sideways by itself where the page is narrow. */
export function Table({ label, children }: TableProps) {
  return (
    // A region that scrolls must be reachable by keyboard, and hold what is placed absolutely in it (sr-only).
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="relative overflow-x-auto" tabIndex={0} role="region" aria-label={label}>
      <table className="w-full border-collapse text-left text-sm [&_tbody_tr:last-child>*]:border-b-0">
        {children}
      </table>
    </div>
  );
}

interface CellProps {
  /** Figures are aligned at the right. */
  numeric?: boolean;
}

export function Th({ numeric, className, ...rest }: ComponentProps<"th"> & CellProps) {
  return (
    <th
      scope="col"
      {...rest}
      className={clsx(
        "border-b border-line px-4 py-2 text-xs font-medium whitespace-nowrap text-ink-faint",
        numeric && "text-right",
        className,
      )}
    />
  );
}

export function Td({ numeric, className, ...rest }: ComponentProps<"td"> & CellProps) {
  return (
    <td
      {...rest}
      className={clsx(
        "border-b border-line px-4 py-2.5 align-middle in-[tbody>tr:last-child]:border-b-0",
        numeric && "text-right whitespace-nowrap tabular-nums",
        className,
      )}
    />
  );
}

interface SortThProps<Key extends string> extends CellProps {
  name: Key;
  sort: { by: Key; descending: boolean };
  onSort: (sort: { by: Key; descending: boolean }) => void;
  className?: string;
  children: ReactNode;
}

/** The head of a column by which the table can be sorted. */
export function SortTh<Key extends string>(props: SortThProps<Key>) {
  const active = props.sort.by === props.name;
  return (
    <Th
      numeric={props.numeric}
      className={props.className}
      aria-sort={active ? (props.sort.descending ? "descending" : "ascending") : "none"}
    >
      <button
        type="button"
        className="hover:text-ink"
        onClick={() =>
          props.onSort({ by: props.name, descending: active ? !props.sort.descending : false })
        }
      >
        {props.children}
        <span aria-hidden>{active ? (props.sort.descending ? " ↓" : " ↑") : ""}</span>
      </button>
    </Th>
  );
}
