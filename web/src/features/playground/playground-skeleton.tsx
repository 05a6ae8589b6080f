import { PageHeader } from "@/components/ui/page-header";
import { Skeleton } from "@/components/ui/states";

/** Long enough to be what a phone shows first: later texts are smaller. */
export const playgroundLead =
  "Ask one model, or two side by side with the same seed. What is said stays in this browser.";

/** Until the browser has looked up its conversations. */
export function PlaygroundSkeleton() {
  return (
    <>
      <PageHeader title="Playground" lead={playgroundLead} />
      <Skeleton className="h-[calc(100dvh-14.75rem)] rounded-xl sm:h-[calc(100dvh-12.75rem)]" />
    </>
  );
}
