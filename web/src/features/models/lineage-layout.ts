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
  places: Map<string, Place>;
  /** An SVG path for each edge, in the graph's order. */
  paths: string[];
  width: number;
  height: number;
}

const sweeps = 8;

/**
 * Sugiyama's method, small: each node stands one column right of the last thing it was made of, columns are ordered
 * by the middle of their neighbours (a few sweeps both ways), rows are centred. The same graph gives the same picture.
 */
export function layOut(graph: Graph, size: Size): Layout {
  const edges = graph.edges.filter(({ from, to }) => from !== to);
  const columnOf = assignColumns(graph.nodes, edges);
  const columns: string[][] = [];
  for (const { id } of graph.nodes) {
    const column = columnOf.get(id) ?? 0;
    while (columns.length <= column) columns.push([]);
    columns[column]?.push(id);
  }
  const ordered = orderColumns(columns, edges);
  return place(ordered, graph.edges, size);
}

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

function place(columns: readonly string[][], edges: Edges, size: Size): Layout {
  const { nodeWidth, nodeHeight, columnGap, rowGap } = size;
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  const heightOf = (rows: number): number =>
    rows === 0 ? 0 : rows * nodeHeight + (rows - 1) * rowGap;
  const height = heightOf(tallest);
  const places = new Map<string, Place>();
  columns.forEach((ids, column) => {
    const top = (height - heightOf(ids.length)) / 2;
    ids.forEach((id, row) => {
      places.set(id, {
        id,
        x: column * (nodeWidth + columnGap),
        y: top + row * (nodeHeight + rowGap),
      });
    });
  });
  const width =
    columns.length === 0 ? 0 : columns.length * nodeWidth + (columns.length - 1) * columnGap;
  const paths = edges.map(({ from, to }) => {
    const start = places.get(from);
    const end = places.get(to);
    if (!start || !end) return "";
    const x1 = start.x + nodeWidth;
    const y1 = start.y + nodeHeight / 2;
    const y2 = end.y + nodeHeight / 2;
    const bend = columnGap / 2;
    // Leaves and arrives level; a long way runs level in between, too.
    const turn = end.x - bend;
    return `M${x1} ${y1}C${turn} ${y1} ${turn} ${y2} ${end.x} ${y2}`;
  });
  return { places, paths, width, height };
}
