/** The hub runs the job of the highest priority first, of equal ones the one that arrived first. */
export interface Waiting {
  id: string;
  priority: number;
}

const least = -1000;
const greatest = 1000;

/** The order in which jobs run that are given in the order of their arrival. */
export const runOrder = <Job extends Waiting>(arrived: readonly Job[]): Job[] =>
  // Sorting is stable: those of the same priority stay in the order of their arrival.
  [...arrived].sort((a, b) => b.priority - a.priority);

/**
 * The priorities to set so that one of the jobs runs at another place, first to run first; null where the hub's range
 * of priorities has no room for that. Jobs are given in the order of their arrival.
 *
 * Priorities are raised where that is possible: whoever sends a job afterwards sends it with priority 0, and a job that
 * was lowered would fall behind it. Of the ways to do it the one that changes the fewest jobs is taken.
 */
export function moveTo(arrived: readonly Waiting[], id: string, place: number): Waiting[] | null {
  const arrival = new Map(arrived.map((job, index) => [job.id, index]));
  const order = runOrder(arrived);
  const from = order.findIndex((job) => job.id === id);
  const moved = order[from];
  if (!moved) return null;
  order.splice(from, 1);
  order.splice(place, 0, moved);

  const above = order[place - 1]?.priority;
  const below = order[place + 1]?.priority;
  const starts = [moved.priority, below, above].filter((start) => start !== undefined);
  const ways = [raised, lowered].map((way) =>
    starts
      .map((start) => order.map((job) => (job === moved ? start : job.priority)))
      .map((wanted) => way(order, wanted, arrival))
      .filter((priorities) => priorities.every((each) => each >= least && each <= greatest))
      .map((priorities) => changes(order, priorities))
      .sort((a, b) => a.length - b.length),
  );
  return ways[0]?.[0] ?? ways[1]?.[0] ?? null;
}

/** Whether of two jobs with the same priority the first runs first. */
const arrivedBefore = (first: Waiting, second: Waiting, arrival: Map<string, number>): boolean =>
  (arrival.get(first.id) ?? 0) < (arrival.get(second.id) ?? 0);

/** From the last to the first: each at least so high that it runs before the one below it. */
function raised(order: Waiting[], wanted: number[], arrival: Map<string, number>): number[] {
  const priorities = [...wanted];
  for (let at = order.length - 2; at >= 0; at -= 1) {
    const [job, next] = [order[at], order[at + 1]];
    if (!job || !next) continue;
    const need = (priorities[at + 1] ?? 0) + (arrivedBefore(job, next, arrival) ? 0 : 1);
    priorities[at] = Math.max(priorities[at] ?? 0, need);
  }
  return priorities;
}

/** From the first to the last: each at most so high that it runs after the one above it. */
function lowered(order: Waiting[], wanted: number[], arrival: Map<string, number>): number[] {
  const priorities = [...wanted];
  for (let at = 1; at < order.length; at += 1) {
    const [job, before] = [order[at], order[at - 1]];
    if (!job || !before) continue;
    const most = (priorities[at - 1] ?? 0) - (arrivedBefore(before, job, arrival) ? 0 : 1);
    priorities[at] = Math.min(priorities[at] ?? 0, most);
  }
  return priorities;
}

/** Those whose priority changes, first to run first: set in this order, none overtakes another on the way. */
const changes = (order: Waiting[], priorities: number[]): Waiting[] =>
  order.flatMap((job, at) => {
    const priority = priorities[at] ?? job.priority;
    return priority === job.priority ? [] : [{ id: job.id, priority }];
  });
