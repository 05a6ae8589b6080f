import { Suspense } from "react";
import { JobPage } from "@/features/jobs/job-page";
import { JobSkeleton } from "@/features/jobs/job-skeleton";

export const metadata = { title: "Job" };

export default function Page() {
  return (
    <Suspense fallback={<JobSkeleton />}>
      <JobPage />
    </Suspense>
  );
}
