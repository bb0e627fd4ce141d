/**
 * A progress bar on one line of the error output; nothing where that is no terminal.
 *
 * @module
 */

/** How far something is. */
export interface Progress {
  /** What is done. */
  readonly done: number;
  /** What there is to do; unknown where it is not given. */
  readonly total?: number;
  /** What stands before the bar. */
  readonly title: string;
  /** What stands behind it. */
  readonly details: string;
}

/** Where a bar is drawn. */
export interface Terminal {
  /** Whether anyone sees the bar. */
  isTerminal(): boolean;
  /** Writes bytes. */
  writeSync(bytes: Uint8Array): number;
}

const CELLS = 20;
const CLEAR = "\r\x1b[K";
const encoder = new TextEncoder();

/**
 * The line of a progress bar.
 *
 * @param progress How far it is.
 * @returns Title, bar where the total is known, details.
 */
export function progressLine(progress: Progress): string {
  const { done, total, title, details } = progress;
  if (total === undefined) return `${title} ${details}`;
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const filled = Math.floor(CELLS * share);
  const bar = "#".repeat(filled) + "-".repeat(CELLS - filled);
  return `${title} [${bar}] ${details}`;
}

/**
 * Seconds as `m:ss` or `h:mm:ss`, rounded up.
 *
 * @param seconds A time of at least 0.
 * @returns The text; `?` where the time is not finite.
 */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.ceil(seconds);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60, hours = Math.floor(whole / 3600);
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`;
}

/** Draws progress, at most ten times a second. */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #seen: boolean;
  #last = -Infinity;

  /** @param terminal Where to draw; the error output by default. */
  constructor(terminal: Terminal = Deno.stderr) {
    this.#terminal = terminal;
    this.#seen = terminal.isTerminal();
  }

  /**
   * Draws the bar anew.
   *
   * @param progress How far it is; called only when it is drawn.
   */
  show(progress: () => Progress): void {
    const now = performance.now();
    if (!this.#seen || now - this.#last < 100) return;
    this.#last = now;
    this.#write(CLEAR + progressLine(progress()));
  }

  /** Takes the bar away, so that other lines can be written. */
  clear(): void {
    if (!this.#seen || this.#last === -Infinity) return;
    this.#last = -Infinity;
    this.#write(CLEAR);
  }

  #write(text: string): void {
    const bytes = encoder.encode(text);
    for (let written = 0; written < bytes.length;) {
      written += this.#terminal.writeSync(bytes.subarray(written));
    }
  }
}
