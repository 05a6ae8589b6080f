import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "@playwright/test";

const root = new URL("../..", import.meta.url).pathname;
const program = process.env.MLX_HUB_PROGRAM ?? join(root, "build/release/mlx-hub");
const startLimitMs = 60_000;

/** A hub of its own on a new data folder, with the default model. */
export class Hub {
  private readonly folder = mkdtempSync(join(tmpdir(), "mlx-hub-e2e-"));
  private child: ChildProcess | null = null;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, and waits until it would serve. The second time it takes the port that it had. */
  async start(): Promise<void> {
    const log = openSync(join(this.folder, "e2e.log"), "a");
    this.child = spawn(program, ["serve", "--data-dir", this.folder, "--port", String(this.port)], {
      stdio: ["ignore", log, log],
      env: { ...process.env, MLX_HUB_PORT: undefined },
    });
    const end = Date.now() + startLimitMs;
    for (;;) {
      const url = this.publishedUrl();
      if (url && (await isReady(url))) {
        this.port = Number(new URL(url).port);
        return;
      }
      if (this.child.exitCode !== null || Date.now() > end) {
        throw new Error(
          `the hub did not start:\n${readFileSync(join(this.folder, "e2e.log"), "utf8").slice(-2000)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends it as a person would, or, with SIGKILL, as a crash does. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A call of the API, for what a test needs and does not test. */
  async call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "Content-Type": "application/json" },
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : null) as Answer;
  }

  private publishedUrl(): string | null {
    try {
      const { url, pid } = JSON.parse(readFileSync(join(this.folder, "server.json"), "utf8")) as {
        url: string;
        pid: number;
      };
      return pid === this.child?.pid ? url : null;
    } catch {
      return null;
    }
  }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    (response) => response.ok,
    () => false,
  );
}

/** Tests with a hub that those of one file share, and pages whose addresses begin there. */
export const test = base.extend<object, { hub: Hub }>({
  hub: [
    async ({}, provide) => {
      const hub = new Hub();
      await hub.start();
      await provide(hub);
      await hub.remove();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ hub }, provide) => {
    await provide(hub.url);
  },
});

export { expect } from "@playwright/test";
