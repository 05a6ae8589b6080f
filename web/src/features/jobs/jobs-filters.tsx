"use client";

import { Field, Select } from "@/components/ui/field";
import { jobStates, jobTypes, type JobState, type JobType } from "./job";
import { stateWords, typeWords } from "./job-words";

/** Which jobs are listed; "" is all. */
export interface JobsFilter {
  state: JobState | "";
  type: JobType | "";
}

interface JobsFiltersProps {
  filter: JobsFilter;
  onChange: (filter: JobsFilter) => void;
}

export function JobsFilters({ filter, onChange }: JobsFiltersProps) {
  const { state, type } = filter;
  return (
    <>
      <Field label="State" hideLabel>
        {(ids) => (
          <Select
            {...ids}
            value={state}
            onChange={(event) =>
              onChange({ ...filter, state: event.target.value as JobState | "" })
            }
          >
            <option value="">All states</option>
            {jobStates.map((each) => (
              <option key={each} value={each}>
                {stateWords[each]}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label="Type" hideLabel>
        {(ids) => (
          <Select
            {...ids}
            value={type}
            onChange={(event) => onChange({ ...filter, type: event.target.value as JobType | "" })}
          >
            <option value="">All types</option>
            {jobTypes.map((each) => (
              <option key={each} value={each}>
                {typeWords[each]}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </>
  );
}
