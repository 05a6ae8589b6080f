import { Skeleton } from "@/components/ui/states";

/** The places of form and plan until they come. */
export const TrainLoading = () => (
  <div role="status" aria-label="Loading" className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
    <div className="space-y-4">
      <Skeleton className="h-20" />
      <Skeleton className="h-56" />
      <Skeleton className="h-56" />
    </div>
    <Skeleton className="h-96" />
  </div>
);
