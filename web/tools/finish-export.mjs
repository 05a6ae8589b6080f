// After `next build`: adds the page of the API (tools/api-docs), writes out/site.json, by which the hub serves the export,
// and compressed twins of every text. For each file its type, the sizes of out/<file>.gz and .br, and of pages the Content-Security-Policy's hashes of their
// inline scripts (CSP Level 3, section 2.3.1), so that no other script can run.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
  rmSync,
} from "node:fs";
import { join, relative, sep } from "node:path";
import { brotliCompressSync, gzipSync, constants } from "node:zlib";
import process from "node:process";

const out = new URL("../out/", import.meta.url).pathname;
const types = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
  txt: "text/x-component; charset=utf-8",
  svg: "image/svg+xml",
  ico: "image/x-icon",
  png: "image/png",
  woff2: "font/woff2",
  webmanifest: "application/manifest+json",
};
const codings = {
  gzip: {
    ending: ".gz",
    pack: (bytes) => gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }),
  },
  br: {
    ending: ".br",
    pack: (bytes) =>
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  },
};
const twinEndings = Object.values(codings).map(({ ending }) => ending);
const packed = new Set(["html", "js", "css", "json", "txt", "svg", "webmanifest"]);

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

function inlineScriptHashes(html) {
  const scripts = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)];
  return scripts.map(([, text]) => `sha256-${createHash("sha256").update(text).digest("base64")}`);
}

/** The scripts that pages name: what is needed to show them. */
function firstScripts(paths) {
  const pages = paths.filter((path) => path.endsWith(".html"));
  const names = pages.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/<script src="\/ui\/([^"]+)"/g)].map(
      ([, name]) => name,
    ),
  );
  return [...new Set(names)].map((name) => join(out, name));
}

// Swagger UI and our page of it, for /docs.
const docs = join(out, "docs");
mkdirSync(docs, { recursive: true });
for (const name of ["index.html", "docs.js", "docs.css"]) {
  copyFileSync(new URL(`api-docs/${name}`, import.meta.url), join(docs, name));
}
for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  const source = new URL(`../node_modules/swagger-ui-dist/${name}`, import.meta.url);
  const text = readFileSync(source, "utf8").replace(/\n?(\/\/|\/\*)# sourceMappingURL=.*$/m, "");
  writeFileSync(join(docs, name), text);
}

// Says to V8 that what is in a script runs at once: it then compiles beside the page's own thread, while the script
// comes, what it would compile on it, function by function, before the page answers (V8's explicit compile hints).
// Where a browser does not know it, it is a comment.
const runsAtOnce = "//# allFunctionsCalledOnLoad\n";
for (const path of firstScripts(filesBelow(out))) {
  const text = readFileSync(path, "utf8");
  if (!text.startsWith(runsAtOnce)) writeFileSync(path, runsAtOnce + text);
}

const files = {};
for (const path of filesBelow(out).sort()) {
  const name = relative(out, path).split(sep).join("/");
  if (name === "site.json" || twinEndings.some((ending) => name.endsWith(ending))) continue;
  const ending = name.split(".").at(-1) ?? "";
  const type = types[ending];
  if (!type) throw new Error(`${name}: no type is known for files that end in .${ending}`);
  const bytes = readFileSync(path);
  const file = { type, size: bytes.length };
  if (packed.has(ending)) {
    for (const [coding, { ending, pack }] of Object.entries(codings)) {
      const small = pack(bytes);
      rmSync(path + ending, { force: true });
      if (small.length < bytes.length) {
        writeFileSync(path + ending, small);
        file[`${coding}_size`] = small.length;
      }
    }
  }
  if (ending === "html") {
    file.script_hashes = [...new Set(inlineScriptHashes(bytes.toString("utf8")))];
    if (/\sstyle="/.test(bytes.toString("utf8"))) {
      throw new Error(`${name}: a style attribute in the page would be refused by its policy`);
    }
  }
  files[name] = file;
}
writeFileSync(join(out, "site.json"), `${JSON.stringify({ version: 1, files }, null, 1)}\n`);
const total = Object.values(files).reduce((sum, file) => sum + (file.br_size ?? file.size), 0);
process.stdout.write(
  `${Object.keys(files).length} files, ${Math.round(total / 1024)} KiB as sent; ${statSync(join(out, "site.json")).size} bytes of site.json\n`,
);
