import { Skeleton } from "@/components/ui/states";

/** Holds the place of a job's page, and says what will be there: the one thing that is known before its data come. */
export function JobSkeleton() {
  return (
    <div role="status" aria-label="Loading the job" className="space-y-6">
      <p className="min-h-16 max-w-2xl text-sm text-ink-soft">
        The loss and other figures as they come, what the model answers meanwhile, and what is made
        of it in the end.
      </p>
      <Skeleton className="h-40" />
      <Skeleton className="h-80" />
    </div>
  );
}
