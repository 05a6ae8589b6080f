import { hasEnded, type Job } from "./job";
import { failureOf } from "./job-failure";

/** Why a job failed and what to do about it; above everything else on its page. */
export default function FailureNotice({ job }: { job: Job }) {
  const failure = failureOf(job);
  if (failure) {
    return (
      <div role="alert" className="mb-4 rounded-xl border border-bad/40 bg-bad-soft p-4 text-sm">
        <h2 className="font-semibold text-bad">{failure.title}</h2>
        <p className="mt-1 break-words whitespace-pre-line">{failure.reason}</p>
        <p className="mt-2 text-ink-soft">{failure.advice}</p>
      </div>
    );
  }
  // It goes on, but its last attempt did not end well.
  if (job.last_error && !hasEnded(job)) {
    return (
      <div className="mb-4 rounded-xl border border-warn/40 bg-warn-soft p-4 text-sm">
        <h2 className="font-semibold text-warn">Its last attempt ended early</h2>
        <p className="mt-1 break-words whitespace-pre-line">{job.last_error}</p>
      </div>
    );
  }
  return null;
}
