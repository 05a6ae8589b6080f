import { PageHeader } from "@/components/ui/page-header";
import { Skeleton } from "@/components/ui/states";

/** Until the browser has looked up its conversations. */
export function PlaygroundSkeleton() {
  return (
    <>
      <PageHeader title="Playground" />
      <Skeleton className="h-[calc(100dvh-12rem)] rounded-xl sm:h-[calc(100dvh-9.5rem)]" />
    </>
  );
}
