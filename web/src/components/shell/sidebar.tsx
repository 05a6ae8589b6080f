"use client";

import clsx from "clsx";
import { usePathname } from "next/navigation";
import { Link } from "@/components/ui/link";
import { destinations, isCurrent } from "./navigation";

/** The list of pages. `onNavigate` closes the drawer on a phone. */
export function Sidebar({ onNavigate }: { onNavigate?: () => void }) {
  const pathname = usePathname();
  return (
    <nav aria-label="Pages" className="flex flex-col gap-5 p-3">
      {destinations.map(({ heading, pages }) => (
        <div key={heading}>
          {heading && (
            <p className="mb-1 px-3 text-xs font-medium tracking-wide text-ink-faint">{heading}</p>
          )}
          <ul className="space-y-0.5">
            {pages.map(({ href, label, icon: Icon }) => {
              const current = isCurrent(href, pathname);
              return (
                <li key={href}>
                  <Link
                    href={href}
                    aria-current={current ? "page" : undefined}
                    onClick={onNavigate}
                    className={clsx(
                      "flex h-9 items-center gap-3 rounded-lg px-3 text-sm font-medium transition-colors",
                      current
                        ? "bg-accent-soft text-accent-strong"
                        : "text-ink-soft hover:bg-sunken hover:text-ink",
                    )}
                  >
                    <Icon size={17} aria-hidden />
                    {label}
                  </Link>
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </nav>
  );
}
