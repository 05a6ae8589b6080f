import { describe, expect, it } from "vitest";
import { moveTo, runOrder, type Waiting } from "./queue-order";

const jobs = (...priorities: number[]): Waiting[] =>
  priorities.map((priority, index) => ({ id: "abcdefgh".charAt(index), priority }));

const ids = (order: Waiting[]): string => order.map(({ id }) => id).join("");

/** The order once the changes are made. */
function after(arrived: Waiting[], changes: Waiting[] | null): string {
  const priority = new Map(changes?.map((change) => [change.id, change.priority]));
  return ids(
    runOrder(arrived.map((job) => ({ ...job, priority: priority.get(job.id) ?? job.priority }))),
  );
}

describe("runOrder", () => {
  it("is priority, then arrival", () => {
    expect(ids(runOrder(jobs(0, 5, 0, 5)))).toBe("bdac");
  });
});

describe("moveTo", () => {
  it("moves the last to the front with one change", () => {
    const queue = jobs(0, 0, 0);
    const changes = moveTo(queue, "c", 0);
    expect(changes).toEqual([{ id: "c", priority: 1 }]);
    expect(after(queue, changes)).toBe("cab");
  });

  it("moves one place up without overtaking the others", () => {
    const queue = jobs(0, 0, 0, 0);
    const changes = moveTo(queue, "c", 1);
    expect(after(queue, changes)).toBe("acbd");
    expect(changes).toEqual([
      { id: "a", priority: 1 },
      { id: "c", priority: 1 },
    ]);
  });

  it("moves one place down by raising the one below, so that later jobs stay behind both", () => {
    const queue = jobs(0, 0, 0);
    const changes = moveTo(queue, "a", 1);
    expect(changes).toEqual([{ id: "b", priority: 1 }]);
    expect(after(queue, changes)).toBe("bac");
  });

  it("changes nothing where the job is already", () => {
    expect(moveTo(jobs(0, 3, 0), "b", 0)).toEqual([]);
  });

  it("undoes a move by arrival alone", () => {
    // b was raised above a; back down, b takes a's priority and arrival decides.
    const queue = jobs(0, 1);
    const changes = moveTo(queue, "b", 1);
    expect(changes).toHaveLength(1);
    expect(after(queue, changes)).toBe("ab");
  });

  it("lowers where nothing can be raised any more", () => {
    const queue = jobs(1000, 1000, 0);
    const changes = moveTo(queue, "b", 0);
    expect(after(queue, changes)).toBe("bac");
    expect(changes).toEqual([{ id: "a", priority: 999 }]);
  });

  it("knows no unknown job", () => {
    expect(moveTo(jobs(0), "z", 0)).toBeNull();
  });

  it("reaches every order by moves, wherever jobs began", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    let queue = jobs(0, 0, 2, 0, -1, 2, 0, 1);
    for (let round = 0; round < 300; round += 1) {
      const order = runOrder(queue);
      const moved = order[random(order.length)];
      const place = random(order.length);
      if (!moved) continue;
      const expected = order.filter((job) => job !== moved);
      expected.splice(place, 0, moved);
      const changes = moveTo(queue, moved.id, place);
      expect(after(queue, changes)).toBe(ids(expected));
      const priority = new Map(changes?.map((change) => [change.id, change.priority]));
      queue = queue.map((job) => ({ ...job, priority: priority.get(job.id) ?? job.priority }));
    }
  });

  it("sets them in an order in which none overtakes another on the way", () => {
    const queue = jobs(0, 0, 0, 0, 0);
    const changes = moveTo(queue, "e", 3) ?? [];
    for (let made = 1; made <= changes.length; made += 1) {
      const order = after(queue, changes.slice(0, made));
      // Only the moved job changes places with others.
      expect(order.replace("e", "")).toBe("abcd");
    }
  });
});
