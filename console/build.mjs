// Builds the console's scripts, style and fonts into src/overt/faces/console/static/.
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
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

/** What others made and we give on, with their terms. */
async function licences() {
  const used = ["htmx.org", "@fontsource-variable/source-sans-3", "@fontsource-variable/source-serif-4"];
  const texts = used.map(async (name) => `${name}\n\n${await readFile(join(here, "node_modules", name, "LICENSE"), "utf8")}`);
  return (await Promise.all(texts)).join(`\n\n${"-".repeat(80)}\n\n`);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await Promise.all([
  build({ ...shared, entryPoints: ["src/console.ts"], format: "esm" }),
  build({ ...shared, entryPoints: ["src/theme.ts", "src/ledger/tally.ts"], format: "iife" }),
  build({ ...shared, entryPoints: ["style/console.css"] }),
  copyFile(join(here, "style", "mark.svg"), join(out, "mark.svg")),
  licences().then((text) => writeFile(join(out, "licences.txt"), text)),
]);
