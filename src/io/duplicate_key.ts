/**
 * Finds what `JSON.parse` hides: an object with one key twice, of which it
 * keeps the last.
 *
 * @module
 */

/** Index of the quote that closes the string whose first quote is at `start`. */
function closingQuote(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i;
}

/**
 * Looks for an object that has a key twice. Keys are compared as they are read,
 * so `"a"` and `"\u0061"` are the same.
 *
 * @param json A text that `JSON.parse` accepts.
 * @returns The keys that lead to the second one, outermost first.
 */
export function duplicateKey(json: string): readonly string[] | undefined {
  const open: { readonly keys: Set<string>; last: string }[] = [];
  const colon = /\s*:/y;
  for (let i = 0; i < json.length; i++) {
    if (json[i] === "{") open.push({ keys: new Set(), last: "" });
    if (json[i] === "}") open.pop();
    if (json[i] !== '"') continue;
    const start = i;
    i = closingQuote(json, start);
    colon.lastIndex = i + 1;
    if (!colon.test(json)) continue;
    const object = open[open.length - 1];
    object.last = JSON.parse(json.slice(start, i + 1));
    if (object.keys.has(object.last)) return open.map(({ last }) => last);
    object.keys.add(object.last);
  }
  return undefined;
}
