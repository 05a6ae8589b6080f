/** One line: `x` ascends; a null in `y` is a step without this figure. */
export interface Points {
  x: readonly number[];
  y: readonly (number | null)[];
}

/** The first index with `x[index] >= value`. */
function lowerBound(x: readonly number[], value: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What is worth drawing between `from` and `to` where the chart has `buckets` columns: of each column the least and
 * the greatest value, so that no spike is lost. Points just outside are kept, so that lines reach the edges.
 * At most 2 * buckets + 2 points come out; fewer points than that come out as they are. O(n) in the points shown.
 */
export function downsample({ x, y }: Points, from: number, to: number, buckets: number): Points {
  const begin = Math.max(0, lowerBound(x, from) - 1);
  const end = Math.min(x.length, lowerBound(x, to) + 1);
  if (end - begin <= 2 * buckets + 2) return { x: x.slice(begin, end), y: y.slice(begin, end) };
  const outX: number[] = [];
  const outY: (number | null)[] = [];
  const keep = (index: number): void => {
    outX.push(x[index] ?? 0);
    outY.push(y[index] ?? null);
  };
  keep(begin);
  const perBucket = (end - begin - 2) / buckets;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const first = begin + 1 + Math.floor(bucket * perBucket);
    const last = begin + 1 + Math.floor((bucket + 1) * perBucket);
    let least = -1;
    let greatest = -1;
    for (let index = first; index < last; index += 1) {
      const value = y[index];
      if (value == null) continue;
      if (least < 0 || value < (y[least] ?? 0)) least = index;
      if (greatest < 0 || value > (y[greatest] ?? 0)) greatest = index;
    }
    if (least < 0) continue;
    keep(Math.min(least, greatest));
    if (least !== greatest) keep(Math.max(least, greatest));
  }
  keep(end - 1);
  return { x: outX, y: outY };
}

/**
 * The exponential moving average that TensorBoard shows: `weight` from 0 (as measured) to below 1, corrected for its
 * start (Kingma & Ba 2015, section 3). Nulls stay and count for nothing.
 */
export function smooth(y: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...y];
  let average = 0;
  let correction = 1;
  return y.map((value) => {
    if (value == null || !Number.isFinite(value)) return value;
    average = average * weight + value * (1 - weight);
    correction *= weight;
    return average / (1 - correction);
  });
}
