import {
  basename,
  dirname,
  extname,
  fromFileUrl,
  isAbsolute,
  join,
  relative,
  resolve,
  toFileUrl,
} from "@std/path";
import { assertEquals, assertThrows } from "@std/assert";

const ignore = Deno.build.os === "windows";

Deno.test(
  "join() joins, normalizes and takes a file URL first",
  { ignore },
  () => {
    assertEquals(join("a", "../b", "", "c.txt"), "b/c.txt");
    assertEquals(join(""), ".");
    assertEquals(join(new URL("file:///a%20b/"), "c"), "/a b/c");
  },
);

Deno.test(
  "resolve() goes right to left until it is at the root",
  { ignore },
  () => {
    assertEquals(resolve("/a", "b", "../c"), "/a/c");
    assertEquals(resolve("/a", "/b"), "/b");
    assertEquals(resolve("x"), join(Deno.cwd(), "x"));
  },
);

Deno.test("dirname() and basename() take a path apart", { ignore }, () => {
  assertEquals(dirname("/a/b/c.txt"), "/a/b");
  assertEquals(dirname("c.txt"), ".");
  assertEquals(basename("/a/b/c.txt"), "c.txt");
  assertEquals(basename("/a/b/"), "b");
  assertEquals(basename("c.txt", ".txt"), "c");
  assertEquals(basename(".txt", ".txt"), ".txt");
  assertEquals(basename(new URL("file:///a/b.c")), "b.c");
  assertEquals(basename("/"), "/");
  assertEquals(basename(""), "");
});

Deno.test("extname() is the last dot and what follows, but no dotfile's name", {
  ignore,
}, () => {
  assertEquals(extname("a/b.tar.gz"), ".gz");
  assertEquals(extname(".gitignore"), "");
  assertEquals(extname("a."), ".");
});

Deno.test("relative() and isAbsolute() know the root", { ignore }, () => {
  assertEquals(relative("/a/b", "/a/c/d"), "../c/d");
  assertEquals(relative("/a", "/a"), "");
  assertEquals(isAbsolute("/a"), true);
  assertEquals(isAbsolute("./a"), false);
});

Deno.test("toFileUrl() and fromFileUrl() undo each other", { ignore }, () => {
  const path = "/a b/100%/c#d?e.txt";
  assertEquals(toFileUrl(path).href, "file:///a%20b/100%25/c%23d%3Fe.txt");
  assertEquals(fromFileUrl(toFileUrl(path)), path);
});

Deno.test("toFileUrl() throws on a relative path", () => {
  assertThrows(
    () => toFileUrl("a"),
    TypeError,
    'Path must be absolute: received "a"',
  );
});

Deno.test("fromFileUrl() throws on any other URL", () => {
  assertThrows(
    () => fromFileUrl("https://example.org/a"),
    TypeError,
    'URL must be a file URL: received "https:"',
  );
});
