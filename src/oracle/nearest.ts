/**
 * Which known word someone may have meant.
 *
 * @module
 */

/** Fewest letters to insert, delete or replace to get from one word to another. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}

/**
 * The known word that is nearest to an unknown one (Levenshtein distance).
 *
 * @param word What was given.
 * @param words What is known.
 * @returns The nearest word, the first of equally near ones; undefined where
 * more than half of the longer word would have to change.
 */
export function nearest(
  word: string,
  words: readonly string[],
): string | undefined {
  // Nothing that long is a misspelling, and the distance takes its square.
  if (word.length > 100) return undefined;
  const given = word.toLowerCase();
  let best: string | undefined;
  let least = Infinity;
  for (const known of words) {
    const changes = distance(given, known.toLowerCase());
    if (
      changes < least && 2 * changes <= Math.max(given.length, known.length)
    ) {
      best = known;
      least = changes;
    }
  }
  return best;
}

/** ` (did you mean "x"?)` where a known word is near, else nothing. */
export function suggestion(word: string, words: readonly string[]): string {
  const near = nearest(word, words);
  return near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
}
