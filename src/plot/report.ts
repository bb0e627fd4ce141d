/**
 * Report pages: one HTML file with its figures and tables in it, that opens without
 * a network, light or dark as the reader's system is.
 *
 * @module
 */

/** A table of a report. */
export interface ReportTable {
  /** What stands above it. */
  readonly caption?: string;
  /** Heads of the columns. */
  readonly columns: readonly string[];
  /** The rows. A column of numbers, written out or not, is set to the right. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A figure of a report. */
export interface ReportFigure {
  /** The drawing, as `toSvg` gives it. */
  readonly svg: string;
  /** What it shows: stands beneath it, and is read out in its place. */
  readonly caption: string;
}

/** A part of a report: text, then table, then figures. */
export interface ReportSection {
  /** Its heading. */
  readonly heading: string;
  /** Its text; a line of its own between two paragraphs, or one element each. */
  readonly text: string | readonly string[];
  /** A table. */
  readonly table?: ReportTable;
  /** Figures. */
  readonly figures?: readonly ReportFigure[];
}

/** What {@linkcode reportPage} writes. */
export interface Report {
  /** The page's title. */
  readonly title: string;
  /** Its parts, in order. */
  readonly sections: readonly ReportSection[];
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --faint: #666666; --line: #dddddd; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #16181c; --faint: #a0a0a0; --line: #3a3d42; }
}
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; }
p { max-width: 44rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: 0.4rem; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; border-bottom-color: var(--faint); }
.number { text-align: right; }
figure { margin: 1.5rem 0; }
figcaption { color: var(--faint); font-size: 0.9rem; max-width: 44rem; }
svg { max-width: 100%; height: auto; }
svg > rect:first-child { fill: transparent; }
svg [class*="role-axis"] text, svg [class*="role-legend"] text, svg [class*="role-title"] text { fill: var(--ink); }
svg .role-axis-grid line { stroke: var(--line); }
svg .role-axis-tick line, svg .role-axis-domain line { stroke: var(--ink); }
`;

/** A number, with its share of a power of ten or in percent; one without end, or none. */
const NUMBER = /^([-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?( ?%)?|∞|–)$/;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Names within a drawing hold for the whole page, so each drawing gets its own. */
function withOwnNames(svg: string, prefix: string): string {
  return svg
    .replace(/(\sid=")/g, `$1${prefix}`)
    .replace(/(url\(#)/g, `$1${prefix}`)
    .replace(/(href="#)/g, `$1${prefix}`);
}

function tableOf({ caption, columns, rows }: ReportTable): string {
  const right = columns.map((_, i) =>
    rows.length > 0 && rows.every((row) => NUMBER.test(String(row[i])))
  );
  const cell = (tag: string, content: string | number, i: number) =>
    `<${tag}${right[i] ? ' class="number"' : ""}>${
      escape(String(content))
    }</${tag}>`;
  const rowOf = (tag: string, row: readonly (string | number)[]) =>
    `<tr>${row.map((content, i) => cell(tag, content, i)).join("")}</tr>`;
  return [
    '<div class="wide"><table>',
    ...(caption === undefined ? [] : [`<caption>${escape(caption)}</caption>`]),
    `<thead>${rowOf("th", columns)}</thead>`,
    "<tbody>",
    ...rows.map((row) => rowOf("td", row)),
    "</tbody></table></div>",
  ].join("\n");
}

/**
 * Writes a report as one HTML page. All text is escaped; drawings are put in as
 * they are, so they must be one's own. The page loads nothing, and says so to the
 * browser.
 *
 * @example
 * ```ts
 * import { reportPage } from "@adafisher/adafisher/plot";
 * import { assert } from "@std/assert";
 *
 * const page = reportPage({
 *   title: "Adam & AdaFisher",
 *   sections: [{
 *     heading: "Results",
 *     text: "Three seeds each.",
 *     table: { columns: ["optimizer", "accuracy"], rows: [["adam", 93.3]] },
 *   }],
 * });
 * assert(page.includes("<h1>Adam &amp; AdaFisher</h1>"));
 * ```
 *
 * @param report Title and sections.
 * @returns The page.
 * @throws {RangeError} If a row of a table has another length than there are columns.
 */
export function reportPage({ title, sections }: Report): string {
  let drawings = 0;
  const body = sections.flatMap(({ heading, text, table, figures = [] }) => {
    const wrong = table?.rows.find((row) =>
      row.length !== table.columns.length
    );
    if (table && wrong) {
      throw new RangeError(
        `Cannot write table of ${heading}: a row needs ${table.columns.length} cells, got ${wrong.length}`,
      );
    }
    const paragraphs = typeof text === "string" ? text.split(/\n{2,}/) : text;
    return [
      "<section>",
      `<h2>${escape(heading)}</h2>`,
      ...paragraphs.filter((paragraph) => paragraph.trim() !== "")
        .map((paragraph) => `<p>${escape(paragraph)}</p>`),
      ...(table ? [tableOf(table)] : []),
      ...figures.map(({ svg, caption }) =>
        `<figure role="group" aria-label="${escape(caption)}">\n${
          withOwnNames(svg, `figure${++drawings}-`)
        }\n<figcaption>${escape(caption)}</figcaption>\n</figure>`
      ),
      "</section>",
    ];
  });
  return [
    "<!DOCTYPE html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`,
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}</style>`,
    "</head>",
    "<body>",
    `<h1>${escape(title)}</h1>`,
    ...body,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}
