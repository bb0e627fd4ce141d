import { assertEquals } from "@std/assert";
import { duplicateKey } from "../../src/io/duplicate_key.ts";

const table: readonly [
  sentence: string,
  json: string,
  keys: readonly string[] | undefined,
][] = [
  ["finds a key of the outermost object", '{"a":1,"b":2,"a":3}', ["a"]],
  ["finds a key of an object within", '{"w":{"x":[1],"x":2}}', ["w", "x"]],
  ["finds a key in an array's object", '[{"a":1},{"b":1,"b":1}]', ["b"]],
  ["sees through escapes", '{"a":1,"\\u0061":2}', ["a"]],
  ["sees through spaces", '{ "a" :1,\n"a"\t: 2}', ["a"]],
  ["finds __proto__ twice", '{"__proto__":1,"__proto__":2}', ["__proto__"]],
  ["accepts one key in two objects", '{"a":{"k":1},"b":{"k":2}}', undefined],
  ["accepts a key that is also its object's", '{"a":{"a":1}}', undefined],
  ["accepts equal strings that are no keys", '{"a":["x","x","a"]}', undefined],
  [
    "does not take text within a string for JSON",
    String.raw`{"a":"{\"b\":1,\"b\":2}\\","b":"}"}`,
    undefined,
  ],
  ["accepts what has no object", "[[],1,null]", undefined],
];

for (const [sentence, json, keys] of table) {
  Deno.test(`duplicateKey() ${sentence}`, () => {
    JSON.parse(json);
    assertEquals(duplicateKey(json), keys);
  });
}
