import clsx from "clsx";
import { Badge } from "@/components/ui/badge";

interface TagListProps {
  tags: Record<string, string>;
  /** Shows so many and counts the rest. */
  most?: number;
  className?: string;
}

const tagWord = ([key, value]: [string, string]): string =>
  value === "" ? key : `${key}: ${value}`;

export function TagList({ tags, most = Infinity, className }: TagListProps) {
  const words = Object.entries(tags).map(tagWord);
  if (words.length === 0) return null;
  return (
    <ul aria-label="Tags" className={clsx("flex flex-wrap gap-1", className)}>
      {words.slice(0, most).map((word) => (
        <li key={word}>
          <Badge>{word}</Badge>
        </li>
      ))}
      {words.length > most && (
        <li title={words.slice(most).join(", ")}>
          <Badge>+{words.length - most}</Badge>
        </li>
      )}
    </ul>
  );
}
