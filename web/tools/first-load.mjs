// The JavaScript that each page loads before anything is clicked: a table, and with --limit KILOBYTES a failure for
// every page above it. Counts what the page's HTML names (classic `nomodule` scripts left out), as gzip sends it.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const out = new URL("../out/", import.meta.url).pathname;
const { files } = JSON.parse(readFileSync(join(out, "site.json"), "utf8"));
const limitAt = process.argv.indexOf("--limit");
const limit = limitAt < 0 ? Infinity : Number(process.argv[limitAt + 1]) * 1000;

const sentSize = (name) => files[name]?.gzip_size ?? statSync(join(out, name)).size;
let failed = false;
process.stdout.write("| page | files | JavaScript, gzip |\n| --- | ---: | ---: |\n");
for (const page of Object.keys(files).filter((name) => name.endsWith("index.html"))) {
  const html = readFileSync(join(out, page), "utf8");
  const sources = [...html.matchAll(/<script\s([^>]*)>/g)]
    .map(([, attributes]) => attributes)
    .filter((attributes) => !/\bnomodule\b/i.test(attributes))
    .flatMap((attributes) => /src="\/ui\/([^"]+)"/.exec(attributes)?.[1] ?? []);
  const names = [...new Set(sources)];
  const size = names.reduce((sum, name) => sum + sentSize(name), 0);
  const mark = size > limit ? " **too much**" : "";
  failed ||= size > limit;
  process.stdout.write(
    `| /${page.slice(0, -"index.html".length)} | ${names.length} | ${(size / 1000).toFixed(1)} kB${mark} |\n`,
  );
}
process.exitCode = failed ? 1 : 0;
