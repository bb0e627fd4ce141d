import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { download } from "../../src/data/mod.ts";
import {
  cutAnswer,
  type RawAnswer,
  type RawRequest,
  type RawServer,
  serveRaw,
  wholeAnswer,
} from "./raw_server.ts";
import { inFolder, namesIn, noise } from "./temporary.ts";

const FILE = noise(200_000);
const MD5 = md5(FILE);
/** Fast retries. */
const quick = { md5: MD5, delay: 1 };

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** Runs a test with a server and a folder. */
function withServer(
  answer: (request: RawRequest, number: number) => RawAnswer,
  test: (server: RawServer, folder: string) => Promise<void>,
): () => Promise<void> {
  return () =>
    inFolder(async (folder) => {
      await using server = serveRaw(answer);
      await test(server, folder);
    });
}

/** Requires that the folder holds the whole file and nothing else. */
async function assertWhole(folder: string): Promise<void> {
  assertEquals(namesIn(folder), ["file"]);
  assertEquals(md5(await Deno.readFile(join(folder, "file"))), MD5);
}

const whole = (request: RawRequest) => wholeAnswer(FILE, request);

Deno.test(
  "download fetches a file and tells its progress",
  withServer(whole, async (server, folder) => {
    const progress: (number | undefined)[][] = [];
    const onProgress = (...state: (number | undefined)[]) =>
      void progress.push(state);
    await download(`${server.url}/file`, join(folder, "file"), {
      ...quick,
      onProgress,
    });
    await assertWhole(folder);
    assertEquals(progress.at(-1), [FILE.length, FILE.length]);
    const bytes = progress.map(([done]) => done as number);
    assertEquals(bytes, bytes.toSorted((a, b) => a - b));
    assert(progress.every(([, total]) => total === FILE.length));
  }),
);

Deno.test(
  "download makes the folders that are missing, and takes upper case in md5",
  withServer(whole, async (server, folder) => {
    const inner = join(folder, "a", "b");
    await download(new URL(server.url), join(inner, "file"), {
      md5: MD5.toUpperCase(),
    });
    await assertWhole(inner);
  }),
);

Deno.test(
  "download goes on where a connection was cut",
  withServer(
    (request, number) =>
      number <= 3 ? cutAnswer(FILE, request, 30_000) : whole(request),
    async (server, folder) => {
      const seen: number[] = [];
      await download(server.url, join(folder, "file"), {
        ...quick,
        onProgress: (bytes, total) => {
          seen.push(bytes);
          assertEquals(total, FILE.length);
        },
      });
      await assertWhole(folder);
      assertEquals(
        server.requests.map(({ from }) => from),
        [undefined, 30_000, 60_000, 90_000],
      );
      assertEquals(seen, seen.toSorted((a, b) => a - b));
    },
  ),
);

Deno.test(
  "download goes on with the part that an earlier call left",
  withServer(
    (request, number) =>
      number === 1 ? cutAnswer(FILE, request, 50_000) : whole(request),
    async (server, folder) => {
      const path = join(folder, "file");
      await assertRejects(
        () => download(server.url, path, { ...quick, attempts: 1 }),
        Error,
        `Cannot download ${server.url}: one of 1 attempts must reach the end, got `,
      );
      assertEquals(namesIn(folder), ["file.part"]);
      await download(server.url, path, quick);
      await assertWhole(folder);
      assertEquals(server.requests[1].from, 50_000);
    },
  ),
);

Deno.test(
  "download starts again where the server ignores Range",
  withServer(
    (_, number) => {
      const request = { path: "/", from: undefined };
      return number === 1 ? cutAnswer(FILE, request, 50_000) : whole(request);
    },
    async (server, folder) => {
      await download(server.url, join(folder, "file"), quick);
      await assertWhole(folder);
      assertEquals(server.requests.map(({ from }) => from), [
        undefined,
        50_000,
      ]);
    },
  ),
);

Deno.test(
  "download cuts a part that is longer than what a server without Range sends",
  withServer(
    () => whole({ path: "/", from: undefined }),
    async (server, folder) => {
      await Deno.writeFile(join(folder, "file.part"), noise(300_000));
      await download(server.url, join(folder, "file"), quick);
      await assertWhole(folder);
    },
  ),
);

Deno.test(
  "download starts again where the part is longer than the file (416)",
  withServer(whole, async (server, folder) => {
    await Deno.writeFile(join(folder, "file.part"), noise(300_000));
    await download(server.url, join(folder, "file"), quick);
    await assertWhole(folder);
    assertEquals(server.requests.map(({ from }) => from), [300_000, undefined]);
  }),
);

Deno.test(
  "download takes a part that is whole already (416 with its size)",
  withServer(whole, async (server, folder) => {
    await Deno.writeFile(join(folder, "file.part"), FILE);
    await download(server.url, join(folder, "file"), quick);
    await assertWhole(folder);
    assertEquals(server.requests.length, 1);
  }),
);

Deno.test(
  "download starts again where the server sends another range",
  withServer(
    (request, number) =>
      number === 1 ? whole({ ...request, from: 7 }) : whole(request),
    async (server, folder) => {
      await Deno.writeFile(join(folder, "file.part"), FILE.slice(0, 1000));
      await download(server.url, join(folder, "file"), {
        ...quick,
        onProgress: (_, total) => assertEquals(total, FILE.length),
      });
      await assertWhole(folder);
      assertEquals(server.requests.map(({ from }) => from), [1000, undefined]);
    },
  ),
);

Deno.test(
  "download starts again where the part is of another version of the file",
  withServer(whole, async (server, folder) => {
    await Deno.writeFile(join(folder, "file.part"), new Uint8Array(1000));
    await download(server.url, join(folder, "file"), quick);
    await assertWhole(folder);
    assertEquals(server.requests.map(({ from }) => from), [1000, undefined]);
  }),
);

Deno.test(
  "download removes a file with a wrong digest and names both digests",
  withServer(whole, async (server, folder) => {
    const wanted = "0123456789abcdef0123456789abcdef";
    await assertRejects(
      () => download(server.url, join(folder, "file"), { md5: wanted }),
      Error,
      `Cannot download ${server.url}: MD5 must be ${wanted}, got ${MD5}`,
    );
    assertEquals(namesIn(folder), []);
    assertEquals(server.requests.length, 1);
  }),
);

Deno.test(
  "download gives up at once when the file is not there (404)",
  withServer(
    () => ({ status: "404 Not Found", body: FILE }),
    async (server, folder) => {
      await assertRejects(
        () => download(server.url, join(folder, "file"), quick),
        Error,
        `Cannot download ${server.url}: server must answer 200 or 206, got 404 Not Found`,
      );
      assertEquals(namesIn(folder), []);
      assertEquals(server.requests.length, 1);
    },
  ),
);

Deno.test(
  "download tries again when the server is busy (503), as often as told",
  withServer(
    () => ({ status: "503 Service Unavailable" }),
    async (server, folder) => {
      await assertRejects(
        () =>
          download(server.url, join(folder, "file"), { ...quick, attempts: 3 }),
        Error,
        'one of 3 attempts must reach the end, got "503 Service Unavailable" in the last',
      );
      assertEquals(server.requests.length, 3);
    },
  ),
);

Deno.test("download reports a server that cannot be reached", () =>
  inFolder(async (folder) => {
    const { url } = await (async () => {
      await using gone = serveRaw(whole);
      return gone;
    })();
    await assertRejects(
      () => download(url, join(folder, "file"), { ...quick, attempts: 2 }),
      Error,
      `Cannot download ${url}: one of 2 attempts must reach the end`,
    );
    assertEquals(namesIn(folder), []);
  }));

Deno.test("download takes a connection without a byte for a cut one", async () => {
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  await withServer(
    (request, number) =>
      number === 1
        ? { ...cutAnswer(FILE, request, 10_000), hold }
        : whole(request),
    async (server, folder) => {
      await download(server.url, join(folder, "file"), {
        ...quick,
        patience: 200,
      });
      release();
      await assertWhole(folder);
      assertEquals(server.requests[1].from, 10_000);
    },
  )();
});

for (const attempts of [1, 3]) {
  Deno.test(`download stops when its signal is aborted, in attempt 1 of ${attempts}, and keeps the part`, async () => {
    const { promise: hold, resolve: release } = Promise.withResolvers<void>();
    const controller = new AbortController();
    await withServer(
      (request) => ({ ...cutAnswer(FILE, request, 10_000), hold }),
      async (server, folder) => {
        const options = {
          ...quick,
          attempts,
          signal: controller.signal,
          onProgress: (bytes: number) => {
            if (bytes === 10_000) controller.abort(new Error("enough"));
          },
        };
        const error = await assertRejects(
          () => download(server.url, join(folder, "file"), options),
          Error,
        );
        release();
        assertEquals(error.message, "enough");
        assertEquals(namesIn(folder), ["file.part"]);
        assertEquals(server.requests.length, 1);
      },
    )();
  });
}

Deno.test(
  "download keeps a file that is there and has the digest",
  withServer(whole, async (server, folder) => {
    await Deno.writeFile(join(folder, "file"), FILE);
    await download(server.url, join(folder, "file"), quick);
    assertEquals(server.requests.length, 0);
  }),
);

Deno.test(
  "download replaces a file with another digest, when the new one is whole",
  withServer(
    (request, number) =>
      number === 1 ? { status: "404 Not Found" } : whole(request),
    async (server, folder) => {
      const path = join(folder, "file");
      await Deno.writeTextFile(path, "old");
      await assertRejects(() => download(server.url, path, quick));
      assertEquals(await Deno.readTextFile(path), "old");
      await download(server.url, path, quick);
      await assertWhole(folder);
    },
  ),
);

Deno.test("download that is killed leaves no whole-looking file, and can go on", async () => {
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  await withServer(
    (request, number) =>
      number === 1
        ? { ...cutAnswer(FILE, request, 60_000), hold }
        : whole(request),
    async (server, folder) => {
      const path = join(folder, "file");
      const source = new URL("../../src/data/download.ts", import.meta.url);
      const program = `import { download } from ${JSON.stringify(source.href)};
        await download(${JSON.stringify(server.url)}, ${JSON.stringify(path)}, {
          md5: ${JSON.stringify(MD5)},
          onProgress: (bytes) => { if (bytes === 60_000) console.log("half"); },
        });`;
      const script = join(folder, "program.ts");
      await Deno.writeTextFile(script, program);
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-config", "--no-check", "-A", script],
        stdout: "piped",
      }).spawn();
      const output = child.stdout.getReader();
      const { value } = await output.read();
      assertStringIncludes(new TextDecoder().decode(value), "half");
      child.kill("SIGKILL");
      await child.status;
      await output.cancel();
      release();
      await Deno.remove(script);
      assertEquals(namesIn(folder), ["file.part"]);
      await download(server.url, path, quick);
      await assertWhole(folder);
      assertEquals(server.requests[1].from, 60_000);
    },
  )();
});

Deno.test("download refuses what is no URL, no digest or no number of attempts", async () => {
  await assertRejects(
    () => download("file.tar.gz", "file", quick),
    TypeError,
    'Cannot download file: URL must be absolute, got "file.tar.gz"',
  );
  await assertRejects(
    () => download("http://127.0.0.1/", "file", { md5: "abc" }),
    RangeError,
    'md5 must be 32 hexadecimal digits, got "abc"',
  );
  await assertRejects(
    () => download("http://127.0.0.1/", "file", { ...quick, attempts: 0 }),
    RangeError,
    "attempts must be an integer of at least 1, got 0",
  );
});
