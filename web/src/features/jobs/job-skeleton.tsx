import { Skeleton } from "@/components/ui/states";

/** Holds the place of a job's page. */
export function JobSkeleton() {
  return (
    <div role="status" aria-label="Loading the job" className="space-y-6">
      <Skeleton className="h-16 max-w-md" />
      <Skeleton className="h-40" />
      <Skeleton className="h-80" />
    </div>
  );
}
