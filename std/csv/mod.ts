/**
 * The part of `@std/csv` that this project uses, over csv-parse and csv-stringify.
 *
 * @module
 */
import { CsvError, type Info, parse as read } from "csv-parse/sync";
import { stringify as write } from "csv-stringify/sync";

/** Options for {@linkcode parse}. */
export interface ParseOptions {
  /** What separates two fields, a comma by default. */
  separator?: string;
  /** The character that makes a line a comment; none by default. */
  comment?: string;
  /** Fields of each row: any if negative or not given, as the first row if 0. */
  fieldsPerRecord?: number;
  /** Whether the first row holds the names of the columns. */
  skipFirstRow?: boolean;
  /** The names of the columns. */
  columns?: readonly string[];
}

/** A row as an object, whose keys are known where `C` is. */
export type RecordWithColumn<C extends string> = string extends C
  ? Record<string, string | undefined>
  : Record<C, string>;

/** What {@linkcode parse} returns: objects if the columns have names. */
export type ParseResult<O, T> = T extends
  O & { columns: readonly (infer C extends string)[] } ? RecordWithColumn<C>[]
  : T extends O & { skipFirstRow: true } ? Record<string, string | undefined>[]
  : T extends O & { columns?: undefined; skipFirstRow?: false | undefined }
    ? string[][]
  : Record<string, string | undefined>[] | string[][];

/** Reads rows of text. */
export function parse(input: string): string[][];
/** Reads rows of text, as objects if the columns have names. */
export function parse<const T extends ParseOptions>(
  input: string,
  options: T,
): ParseResult<ParseOptions, T>;
export function parse(input: string, options: ParseOptions = {}): unknown {
  const { separator = ",", comment, fieldsPerRecord = -1 } = options;
  if (
    /^[\r\n"]$/.test(separator) || /^[\r\n"]$/.test(comment ?? "") ||
    separator === comment
  ) {
    throw new Error("Cannot parse input: invalid delimiter");
  }
  let rows: { record: string[]; info: Info }[];
  try {
    rows = read(input.replaceAll("\r\n", "\n").replace(/\r$/, ""), {
      bom: true,
      comment,
      comment_no_infix: true,
      delimiter: separator,
      info: true,
      raw: true,
      record_delimiter: "\n",
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as typeof rows;
  } catch (error) {
    throw error instanceof CsvError ? syntaxError(error, comment) : error;
  }
  const count = fieldsPerRecord || rows[0]?.record.length;
  for (const { record, info } of rows) {
    if (fieldsPerRecord >= 0 && record.length !== count) {
      throw new SyntaxError(
        `Syntax error on line ${line(info)}: ` +
          `expected ${count} fields but got ${record.length}`,
      );
    }
  }
  const records = rows.map(({ record }) => record);
  if (!options.skipFirstRow && !options.columns) return records;
  const first = options.skipFirstRow ? records.shift() : [];
  if (first === undefined) {
    throw new TypeError("Cannot parse input: headers must be defined");
  }
  const headers = options.columns ?? first;
  return records.map((record, index) => {
    if (record.length !== headers.length) {
      throw new Error(
        `Syntax error on line ${index + (options.skipFirstRow ? 2 : 1)}: ` +
          `The record has ${record.length} fields, ` +
          `but the header has ${headers.length} fields`,
      );
    }
    return Object.fromEntries(headers.map((name, i) => [name, record[i]]));
  });
}

/** The line of a record, where a record of several lines counts as one. */
const line = ({ comment_lines, empty_lines, records }: Info) =>
  comment_lines + empty_lines + records;

/** The registry's error for a quote that is out of place. */
function syntaxError(error: CsvError, comment?: string): SyntaxError {
  const { raw, ...info } = error as unknown as Info & { raw: string };
  const read = raw.replace(/\n$/, "").split("\n");
  const start = read.findIndex((text) =>
    text !== "" && !(comment && text.startsWith(comment))
  );
  const last = read.at(-1)!;
  const from = line(info) + 1;
  const to = from + read.length - 1 - start;
  let column = [...last].length;
  let reason = 'extraneous or missing " in quoted-field';
  if (error.code === "INVALID_OPENING_QUOTE") {
    reason = 'bare " in non-quoted-field';
  } else if (error.code === "CSV_QUOTE_NOT_CLOSED") {
    column = last.endsWith('"') ? column + 1 : 1;
  }
  return new SyntaxError(
    `Syntax error on line ${from}; ` +
      `parse error on line ${to}, column ${column}: ${reason}`,
  );
}

/** An array index or the key of an object. */
export type PropertyAccessor = number | string;

/** A column: the way to its value, and a name that need not be the last step. */
export type ColumnDetails = {
  /** The name in the first row. */
  header?: string;
  /** One step or several. */
  prop: PropertyAccessor | PropertyAccessor[];
};

/** A column, in short or at length. */
export type Column = ColumnDetails | PropertyAccessor | PropertyAccessor[];

/** A row: an array or an object. */
export type DataItem = Readonly<Record<string, unknown> | unknown[]>;

/** Options for {@linkcode stringify}. */
export type StringifyOptions = {
  /** Whether the names of the columns are the first row, as by default. */
  headers?: boolean;
  /** What separates two fields, a comma by default. */
  separator?: string;
  /** The columns; rows that are objects need them. */
  columns?: readonly Column[];
  /** Whether a byte order mark comes first. */
  bom?: boolean;
};

/** Writes rows as text, with CRLF after each. */
export function stringify(
  data: readonly DataItem[],
  options: StringifyOptions = {},
): string {
  const { headers = true, separator = ",", bom = false } = options;
  if (separator.includes('"') || separator.includes("\r\n")) {
    throw new TypeError(
      "Separator cannot include the following strings:\n" +
        '  - U+0022: Quotation mark (")\n' +
        "  - U+000D U+000A: Carriage Return + Line Feed (\\r\\n)",
    );
  }
  const columns = (options.columns ?? []).map((column) => {
    const details = typeof column === "object" && "prop" in column
      ? column
      : { prop: column };
    const steps = [details.prop].flat();
    return { header: details.header ?? String(steps.at(-1)), steps };
  });
  const names = columns.map(({ header }) => header);
  const rows = data.map((item) => {
    if (columns.length > 0) {
      return columns.map(({ steps }) => steps.reduce(follow, item));
    }
    if (Array.isArray(item)) return item;
    throw new TypeError(
      "No property accessor function was provided for object",
    );
  });
  return write(
    [...headers && names.length > 0 ? [names] : [], ...rows]
      .map((row) => row.map(text)),
    {
      bom,
      delimiter: separator,
      quoted_match: "\n",
      record_delimiter: "\r\n",
    },
  );
}

/** The property of `value`, or `value` itself if it has none. */
function follow(value: unknown, step: PropertyAccessor): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value) && typeof step !== "number") {
    throw new TypeError('Property accessor is not of type "number"');
  }
  return (value as Record<PropertyAccessor, unknown>)[step];
}

/** A field before it is quoted. */
const text = (value: unknown): string =>
  typeof value === "object"
    ? value === null ? "" : JSON.stringify(value)
    : String(value ?? "");
