import { Suspense } from "react";
import { ComparePage } from "@/features/jobs/compare-page";
import { JobSkeleton } from "@/features/jobs/job-skeleton";

export const metadata = { title: "Compare trainings" };

export default function Page() {
  return (
    <Suspense fallback={<JobSkeleton />}>
      <ComparePage />
    </Suspense>
  );
}
