import {
  Activity,
  Boxes,
  Cpu,
  Database,
  FlaskConical,
  Gauge,
  GraduationCap,
  KeyRound,
  Layers,
  MessagesSquare,
  ScrollText,
  Settings,
  type LucideIcon,
} from "lucide-react";

export interface Destination {
  href: string;
  label: string;
  icon: LucideIcon;
}

/** The pages, in the order of the work: what there is, how it is made, how it is used, how the hub is. */
export const destinations: { heading: string; pages: Destination[] }[] = [
  { heading: "", pages: [{ href: "/", label: "Overview", icon: Gauge }] },
  {
    heading: "Library",
    pages: [
      { href: "/models/", label: "Models", icon: Boxes },
      { href: "/adapters/", label: "Adapters", icon: Layers },
      { href: "/datasets/", label: "Data sets", icon: Database },
    ],
  },
  {
    heading: "Work",
    pages: [
      { href: "/train/", label: "Train", icon: GraduationCap },
      { href: "/jobs/", label: "Jobs", icon: Activity },
      { href: "/evaluations/", label: "Evaluations", icon: FlaskConical },
      { href: "/playground/", label: "Playground", icon: MessagesSquare },
    ],
  },
  {
    heading: "Hub",
    pages: [
      { href: "/system/", label: "System", icon: Cpu },
      { href: "/logs/", label: "Logs", icon: ScrollText },
      { href: "/keys/", label: "API keys", icon: KeyRound },
      { href: "/settings/", label: "Settings", icon: Settings },
    ],
  },
];

/** Whether a page, or one below it, is shown. */
export function isCurrent(href: string, pathname: string): boolean {
  return href === "/" ? pathname === "/" : pathname.startsWith(href);
}
