import type { Job } from "@/features/jobs/job";
import { jobName, jobTitle, typeWords } from "@/features/jobs/job-words";

/** What a job does and what it makes: "Fine-tuning of smollm2 to trivia". */
export function longJobTitle(job: Job): string {
  const made = jobName(job);
  return made === job.model ? jobTitle(job) : `${jobTitle(job)} to ${made}`;
}

/** In few words: "Fine-tuning trivia". */
export const shortJobTitle = (job: Job): string => `${typeWords[job.type]} ${jobName(job)}`;
