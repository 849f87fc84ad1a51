// Builds the console's scripts, style and fonts into src/overt/faces/console/static/.
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "src", "overt", "faces", "console", "static");

// The Unicode ranges that an English page with foreign names needs; the rest of the fonts stays away.
const KEPT = /-(latin|latin-ext)-/;
const fonts = {
  name: "fonts",
  setup(building) {
    building.onLoad({ filter: /@fontsource-variable.*\.css$/ }, async ({ path }) => {
      const faces = (await readFile(path, "utf8")).split(/(?=\/\* )/);
      return { contents: faces.filter((face) => KEPT.test(face)).join(""), loader: "css" };
    });
  },
};

const shared = {
  absWorkingDir: here, bundle: true, minify: true, outdir: out, target: ["chrome123", "firefox121", "safari17.5"],
  legalComments: "none", logLevel: "warning", charset: "utf8", entryNames: "[name]", assetNames: "fonts/[name]-[hash]",
  loader: { ".woff2": "file" }, plugins: [fonts],
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await Promise.all([
  build({ ...shared, entryPoints: ["src/console.ts"], format: "esm" }),
  build({ ...shared, entryPoints: ["src/theme.ts", "src/ledger/tally.ts"], format: "iife" }),
  build({ ...shared, entryPoints: ["style/console.css"] }),
  copyFile(join(here, "style", "mark.svg"), join(out, "mark.svg")),
]);
