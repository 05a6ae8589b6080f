import { Skeleton } from "@/components/ui/states";

/** Of the card while nothing runs, so that nothing moves when that is known. */
export const workCardHeight = "min-h-76";

export function WorkCardSkeleton() {
  return <Skeleton className="h-54" />;
}
