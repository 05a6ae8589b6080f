/** A directed graph drawn in columns from left to right. */
export interface Graph {
  nodes: readonly { id: string }[];
  edges: readonly { from: string; to: string }[];
}

export interface Size {
  nodeWidth: number;
  nodeHeight: number;
  /** Between columns; edges bend there. */
  columnGap: number;
  rowGap: number;
}

export interface Place {
  id: string;
  x: number;
  y: number;
}

export interface Layout {
  /** Of the nodes. */
  places: Map<string, Place>;
  /** An SVG path for each edge, in the graph's order. */
  paths: string[];
  width: number;
  height: number;
}

const sweeps = 8;

/**
 * Sugiyama's method, small: each node stands one column right of the last thing it was made of; an edge over several
 * columns gets a way point in each between, so that it goes around their nodes; columns are ordered by the middle of
 * their neighbours (a few sweeps both ways) and centred. The same graph gives the same picture.
 */
export function layOut(graph: Graph, size: Size): Layout {
  const edges = graph.edges.filter(({ from, to }) => from !== to);
  const columnOf = assignColumns(graph.nodes, edges);
  const columns: string[][] = [];
  const put = (id: string, column: number): void => {
    while (columns.length <= column) columns.push([]);
    columns[column]?.push(id);
  };
  for (const { id } of graph.nodes) put(id, columnOf.get(id) ?? 0);
  const ways = graph.edges.map(({ from, to }, index) => {
    const start = columnOf.get(from);
    const end = columnOf.get(to);
    if (start == null || end == null) return [];
    const points: string[] = [];
    for (let column = start + 1; column < end; column += 1) {
      const point = `${wayPoint}${index}.${column}`;
      put(point, column);
      points.push(point);
    }
    return [from, ...points, to];
  });
  const hops = ways.flatMap((way) =>
    way.slice(1).map((to, index) => ({ from: way[index] ?? "", to })),
  );
  const all = placeAll(orderColumns(columns, hops), size);
  const paths = ways.map((way) =>
    pathThrough(
      way.map((id) => all.get(id)),
      size,
    ),
  );
  const places = new Map([...all].filter(([id]) => !isWayPoint(id)));
  return { places, paths, ...extentOf(columns.length, [...all.values()], size) };
}

/** Begins what no id begins with. */
const wayPoint = "\u0000";
const isWayPoint = (id: string): boolean => id.startsWith(wayPoint);

type Edges = readonly { from: string; to: string }[];

/** Longest path from the sources; then sources move right, next to what first needs them. */
function assignColumns(nodes: Graph["nodes"], edges: Edges): Map<string, number> {
  const columnOf = new Map(nodes.map(({ id }) => [id, 0]));
  const moved = (): boolean => {
    let any = false;
    for (const { from, to } of edges) {
      const wanted = (columnOf.get(from) ?? 0) + 1;
      if ((columnOf.get(to) ?? 0) < wanted && wanted < nodes.length) {
        columnOf.set(to, wanted);
        any = true;
      }
    }
    return any;
  };
  // A graph without circles is done after as many rounds as its longest path; lineage has none.
  for (let round = 0; round < nodes.length && moved(); round += 1);
  const incoming = new Set(edges.map((edge) => edge.to));
  for (const { id } of nodes) {
    const uses = edges.filter((edge) => edge.from === id).map((edge) => columnOf.get(edge.to) ?? 0);
    if (!incoming.has(id) && uses.length > 0) columnOf.set(id, Math.max(0, Math.min(...uses) - 1));
  }
  return columnOf;
}

/** Column by column, to the right by what each node was made of, then back by what was made of it, and again. */
function orderColumns(columns: string[][], edges: Edges): string[][] {
  const madeOf = neighbours(edges.map(({ from, to }) => [to, from]));
  const usedFor = neighbours(edges.map(({ from, to }) => [from, to]));
  const ordered = [...columns];
  let best = columns;
  let fewest = crossings(columns, edges);
  for (let sweep = 0; sweep < sweeps && fewest > 0; sweep += 1) {
    const rightwards = sweep % 2 === 0;
    for (let step = 0; step < ordered.length; step += 1) {
      const at = rightwards ? step : ordered.length - 1 - step;
      const rank = ranks(ordered);
      ordered[at] = byMiddle(ordered[at] ?? [], rightwards ? madeOf : usedFor, rank);
    }
    const count = crossings(ordered, edges);
    if (count < fewest) {
      fewest = count;
      best = [...ordered];
    }
  }
  return best;
}

function neighbours(pairs: readonly [id: string, other: string][]): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const [id, other] of pairs) all.set(id, [...(all.get(id) ?? []), other]);
  return all;
}

function byMiddle(
  column: readonly string[],
  others: ReadonlyMap<string, string[]>,
  rank: ReadonlyMap<string, number>,
): string[] {
  const middle = (id: string): number => {
    const places = (others.get(id) ?? []).map((other) => rank.get(other) ?? 0);
    if (places.length === 0) return rank.get(id) ?? 0;
    return places.reduce((sum, at) => sum + at, 0) / places.length;
  };
  const middles = new Map(column.map((id) => [id, middle(id)]));
  // The sort is stable: equals stay as they were.
  return [...column].sort((a, b) => (middles.get(a) ?? 0) - (middles.get(b) ?? 0));
}

/** Of each node how far down its column it is, from -0.5 to 0.5, since columns are centred. */
function ranks(columns: readonly string[][]): Map<string, number> {
  const tallest = Math.max(1, ...columns.map((column) => column.length));
  return new Map(
    columns.flatMap((column) =>
      column.map((id, row): [string, number] => [id, (row - (column.length - 1) / 2) / tallest]),
    ),
  );
}

/** Pairs of edges between the same two columns that cross. */
export function crossings(columns: readonly string[][], edges: Edges): number {
  const at = new Map<string, { column: number; row: number }>();
  columns.forEach((ids, column) => ids.forEach((id, row) => at.set(id, { column, row })));
  const spans = edges.flatMap(({ from, to }) => {
    const start = at.get(from);
    const end = at.get(to);
    return start && end ? [{ start, end }] : [];
  });
  let count = 0;
  spans.forEach((one, index) => {
    for (const other of spans.slice(index + 1)) {
      const together =
        one.start.column === other.start.column && one.end.column === other.end.column;
      if (together && (one.start.row - other.start.row) * (one.end.row - other.end.row) < 0) {
        count += 1;
      }
    }
  });
  return count;
}

/** A way point needs no more than its line. */
const heightOf = (id: string, { nodeHeight }: Size): number => (isWayPoint(id) ? 0 : nodeHeight);

function placeAll(columns: readonly string[][], size: Size): Map<string, Place> {
  const { nodeWidth, columnGap, rowGap } = size;
  const heights = columns.map(
    (ids) =>
      ids.reduce((sum, id) => sum + heightOf(id, size), 0) + Math.max(0, ids.length - 1) * rowGap,
  );
  const tallest = Math.max(0, ...heights);
  const places = new Map<string, Place>();
  columns.forEach((ids, column) => {
    let y = (tallest - (heights[column] ?? 0)) / 2;
    for (const id of ids) {
      places.set(id, { id, x: column * (nodeWidth + columnGap), y });
      y += heightOf(id, size) + rowGap;
    }
  });
  return places;
}

function extentOf(
  columns: number,
  places: readonly Place[],
  size: Size,
): { width: number; height: number } {
  const { nodeWidth, columnGap } = size;
  return {
    width: columns === 0 ? 0 : columns * nodeWidth + (columns - 1) * columnGap,
    height: Math.max(0, ...places.map((place) => place.y + heightOf(place.id, size))),
  };
}

/** Bends between columns and goes straight through them. */
function pathThrough(way: readonly (Place | undefined)[], size: Size): string {
  let path = "";
  way.forEach((end, index) => {
    const start = way[index - 1];
    if (!start || !end) return;
    const x1 = start.x + size.nodeWidth;
    const y1 = start.y + heightOf(start.id, size) / 2;
    const y2 = end.y + heightOf(end.id, size) / 2;
    const middle = (x1 + end.x) / 2;
    path += `${path === "" ? "M" : "L"}${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${end.x} ${y2}`;
  });
  return path;
}
