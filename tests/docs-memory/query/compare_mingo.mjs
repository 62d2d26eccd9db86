// Compares the cases of mingo_corpus (standard input) with mingo: node compare_mingo.mjs MINGO_DIRECTORY
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.argv[2] + "/node_modules/"));
const { Query, updateOne, update } = await import(pathToFileURL(require.resolve("mingo")));

// Where mingo is known not to do what MongoDB does, or reports an error of its own way.
function isKnownDifference(c) {
  const text = JSON.stringify(c.filter ?? c.update);
  if (c.kind === "filter") {
    // Of nested arrays mingo looks at more levels than MongoDB does.
    if (/\[\s*(\[|[^\]]*,\s*\[)/.test(JSON.stringify(c.document))) return "nested arrays";
    // mingo takes null, bools and text for numbers, and does not cut off fractions.
    if (/\$mod/.test(text)) return "$mod";
    // $all is an $and: values that are offered twice change nothing.
    if (/"\$all":\[([^,\]]*),\1\]/.test(text)) return "$all of duplicates";
    // An empty array in $in or $nin is a value like others.
    if (/"\$n?in":\[[^\]]*\[\]/.test(text)) return "$in of empty arrays";
    // What is not there equals null, and so is not above or below it.
    if (/"\$[gl]te?":null/.test(text)) return "order of null";
    // A path that leads nowhere is no empty array.
    if (/\./.test(text) && /"\$size":0/.test(text)) return "$size of nothing";
    // Paths through arrays and scalars that lead nowhere: null and $exists, and their negations.
    if (/\./.test(text) && /null|\$exists|\$ne|\$nin|\$not|\$nor|\$lte|\$gte/.test(text)) return "paths that lead nowhere";
  } else if (c.update.$pull) {
    // mingo looks into arrays in the array, too.
    if (/\[\s*(\[|[^\]]*,\s*\[)/.test(JSON.stringify(c.document))) return "$pull from nested arrays";
  } else if (c.update.$addToSet) {
    // mingo also takes out what was there twice.
    const at = Object.keys(c.update.$addToSet)[0].split(".").reduce((v, name) => v?.[name], c.document);
    if (Array.isArray(at) && new Set(at.map((x) => JSON.stringify(x))).size < at.length) return "$addToSet to duplicates";
  }
  return null;
}

let cases = 0, compared = 0, failures = 0;
const skipped = {};
for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line);
  ++cases;
  const known = isKnownDifference(c);
  if (known) { skipped[known] = (skipped[known] ?? 0) + 1; continue; }
  let theirs;
  if (c.kind === "filter") {
    theirs = new Query(c.filter).test(c.document);
  } else {
    if (typeof c.ours === "string") { skipped["refused by us"] = (skipped["refused by us"] ?? 0) + 1; continue; }
    theirs = structuredClone(c.document);
    try { update(theirs, c.update); } catch (e) { theirs = "error: " + e.message; }
    if (typeof theirs === "string") { skipped["refused by mingo"] = (skipped["refused by mingo"] ?? 0) + 1; continue; }
  }
  ++compared;
  // (Through JSON: integers have no -0.)
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(theirs)), c.ours)) {
    if (++failures <= 20) console.log("DIFFERS " + line + "\n  mingo: " + JSON.stringify(theirs));
  }
}
console.log(`${cases} cases, ${compared} compared, ${failures} differ; skipped: ${JSON.stringify(skipped)}`);
process.exit(failures === 0 && compared > cases / 3 ? 0 : 1);
