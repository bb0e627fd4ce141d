import { parse, stringify } from "@std/csv";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";

Deno.test("parse() splits at either line end and skips blank lines and a byte order mark", () => {
  assertEquals(parse("\ufeffa,b\r\nc,d\n\n\r\ne,\r"), [
    ["a", "b"],
    ["c", "d"],
    ["e", ""],
  ]);
  assertEquals(parse("a,b\rc,d\n"), [["a", "b\rc", "d"]]);
  assertEquals(parse(""), []);
  assertEquals(parse(" a, b\n  \n"), [[" a", " b"], ["  "]]);
});

Deno.test("parse() reads quoted fields, in which a line end is LF", () => {
  assertEquals(parse('"a ""b""","c,d","e\r\nf"\n"",x'), [
    ['a "b"', "c,d", "e\nf"],
    ["", "x"],
  ]);
});

Deno.test("parse() takes other separators and leaves comments out", () => {
  assertEquals(
    parse("# head\na;b,c\n#x\nd;#e", { separator: ";", comment: "#" }),
    [
      ["a", "b,c"],
      ["d", "#e"],
    ],
  );
  for (
    const options of [
      { separator: '"' },
      { separator: "\n" },
      { comment: "\r" },
      { comment: "," },
    ]
  ) {
    assertThrows(
      () => parse("a", options),
      Error,
      "Cannot parse input: invalid delimiter",
    );
  }
});

Deno.test("parse() gives objects where the columns have names", () => {
  const text = "a,b\n1,2\n";
  assertEquals(parse(text, { skipFirstRow: true }), [{ a: "1", b: "2" }]);
  assertEquals(parse(text, { columns: ["x", "y"] }), [
    { x: "a", y: "b" },
    { x: "1", y: "2" },
  ]);
  const [row] = parse(text, { skipFirstRow: true, columns: ["x", "y"] });
  assertStrictEquals(row.x satisfies string, "1");
});

Deno.test("parse() throws without a header or with one of another length", () => {
  assertThrows(
    () => parse("", { skipFirstRow: true }),
    TypeError,
    "Cannot parse input: headers must be defined",
  );
  assertThrows(
    () => parse("a,b\n1,2\n1", { skipFirstRow: true }),
    Error,
    "Syntax error on line 3: " +
      "The record has 1 fields, but the header has 2 fields",
  );
});

Deno.test("parse() allows rows of any length unless told otherwise", () => {
  const text = "a,b\n\nc,d,e";
  assertEquals(parse(text, { fieldsPerRecord: -1 })[1].length, 3);
  assertThrows(
    () => parse(text, { fieldsPerRecord: 0 }),
    SyntaxError,
    "Syntax error on line 3: expected 2 fields but got 3",
  );
  assertThrows(
    () => parse(text, { fieldsPerRecord: 3 }),
    SyntaxError,
    "Syntax error on line 1: expected 3 fields but got 2",
  );
});

Deno.test("parse() throws on a quote out of place, with line and column", () => {
  const bare = 'bare " in non-quoted-field';
  const missing = 'extraneous or missing " in quoted-field';
  for (
    const [text, from, to, column, reason] of [
      ['a "word","b"', 1, 1, 3, bare],
      ['"a word",b"', 1, 1, 11, bare],
      ['a,b,\u{1f431}"', 1, 1, 6, bare],
      ['"a "word","b"', 1, 1, 4, missing],
      ['x,y\n\na,"b\nc"d,e', 3, 4, 2, missing],
      ['a,b\n"d\n\n,e', 2, 4, 1, missing],
      ['a,"', 1, 1, 4, missing],
    ] as const
  ) {
    assertEquals(
      assertThrows(() => parse(text), SyntaxError).message,
      `Syntax error on line ${from}; ` +
        `parse error on line ${to}, column ${column}: ${reason}`,
    );
  }
});

Deno.test("stringify() ends every line in CRLF and has no header without columns", () => {
  assertEquals(stringify([["a", 1], [true, 2n]]), "a,1\r\ntrue,2\r\n");
  assertEquals(stringify([]), "");
  assertEquals(stringify([[], [undefined, null]]), "\r\n,\r\n");
});

Deno.test("stringify() quotes separators, line feeds and quotes, and nothing else", () => {
  assertEquals(
    stringify([['a"b', "c,d", "e\nf", "g\r\nh", "i\rj", " k ", ""]]),
    '"a""b","c,d","e\nf","g\r\nh",i\rj, k ,\r\n',
  );
  assertEquals(
    stringify([["a,b", "c;d"]], { separator: ";" }),
    'a,b;"c;d"\r\n',
  );
  assertEquals(stringify([[{ a: 1 }, [1, 2]]]), '"{""a"":1}","[1,2]"\r\n');
});

Deno.test("stringify() follows columns into objects and arrays", () => {
  const data = [{ epoch: 1, loss: { train: [0.5, NaN] } }, { epoch: 2 }];
  const columns = [
    "epoch",
    ["loss", "train", 0],
    { header: "last, if any", prop: ["loss", "train", 1] },
  ];
  const rows = "1,0.5,NaN\r\n2,,\r\n";
  assertEquals(
    stringify(data, { columns }),
    `epoch,0,"last, if any"\r\n${rows}`,
  );
  assertEquals(stringify(data, { columns, headers: false }), rows);
  assertEquals(stringify([], { columns: ["a"], bom: true }), "\ufeffa\r\n");
});

Deno.test("stringify() throws on objects without columns, names for arrays and odd separators", () => {
  assertThrows(
    () => stringify([{ a: 1 }]),
    TypeError,
    "No property accessor function was provided for object",
  );
  assertThrows(
    () => stringify([["a"]], { columns: ["a"] }),
    TypeError,
    'Property accessor is not of type "number"',
  );
  for (const separator of ['"', "\r\n"]) {
    assertThrows(
      () => stringify([["a"]], { separator }),
      TypeError,
      "Separator cannot include the following strings:\n" +
        '  - U+0022: Quotation mark (")\n' +
        "  - U+000D U+000A: Carriage Return + Line Feed (\\r\\n)",
    );
  }
});

Deno.test("stringify() writes what parse() reads", () => {
  const rows = [["a,b", 'c"d'], ["e\nf", ""], [" g", "#h"]];
  assertEquals(parse(stringify(rows)), rows);
});
