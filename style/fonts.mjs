// Cuts Inter down to what the screens use: two files, one of which most pages never ask for.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import subset from "subset-font";

const from = new URL("node_modules/@fontsource-variable/inter/files/", import.meta.url);
const to = new URL("../public/fonts/", import.meta.url);
const range = (first, last) => String.fromCodePoint(...Array.from({ length: last - first + 1 }, (_, index) => first + index));

const files = {
  "inter-latin.woff2": ["inter-latin-wght-normal.woff2", range(0x20, 0x7e) + range(0xa0, 0xff) + "–—‘’“”•…€™−→←↑↓·×⌘"],
  "inter-latin-ext.woff2": ["inter-latin-ext-wght-normal.woff2", range(0x100, 0x17f) + range(0x218, 0x21b) + "₤₦₩₫₱₴₹₺₽"],
};

await mkdir(to, { recursive: true });
for (const [name, [source, text]] of Object.entries(files)) {
  const font = await subset(await readFile(new URL(source, from)), text, {
    targetFormat: "woff2",
    variationAxes: { wght: { min: 400, max: 700, default: 400 } },
  });
  await writeFile(new URL(name, to), font);
  console.log(`${name}: ${font.length} bytes`);
}
await writeFile(new URL("LICENSE-Inter.txt", to), await readFile(new URL("../LICENSE", from)));
