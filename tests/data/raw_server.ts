/** A server that says every byte of its answers itself, so that it can misbehave. */

/** What was asked. */
export interface RawRequest {
  readonly path: string;
  /** First byte asked for by a Range header, where there is one. */
  readonly from: number | undefined;
}

/** What is answered: a head, and a body that may end too early. */
export interface RawAnswer {
  readonly status: string;
  readonly headers?: Record<string, string | number>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Waits for this before it ends the connection. */
  readonly hold?: Promise<void>;
}

/** A server on 127.0.0.1. */
export interface RawServer extends AsyncDisposable {
  /** Its address, without a slash at the end. */
  readonly url: string;
  /** What was asked so far. */
  readonly requests: readonly RawRequest[];
}

/** The head of a request, up to the empty line. */
async function readHead(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const length = await connection.read(buffer);
    if (length === null) break;
    head += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return head;
}

/** Starts a server; `answer` is called for one request after another. */
export function serveRaw(
  answer: (request: RawRequest, number: number) => RawAnswer,
): RawServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: RawRequest[] = [];
  const handle = async (connection: Deno.Conn) => {
    try {
      const head = await readHead(connection);
      const from = /^range: bytes=(\d+)-/im.exec(head)?.[1];
      const request = {
        path: head.split(" ")[1],
        from: from === undefined ? undefined : Number(from),
      };
      const { status, headers = {}, body, hold } = answer(
        request,
        requests.push(request),
      );
      const lines = Object.entries({ connection: "close", ...headers })
        .map(([name, value]) => `${name}: ${value}\r\n`);
      const writer = connection.writable.getWriter();
      await writer.write(
        new TextEncoder().encode(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`),
      );
      if (body) await writer.write(body);
      await hold;
      await writer.close();
    } catch {
      // The client may leave at any time; what it missed is for its test to tell.
      connection.close();
    }
  };
  const handled: Promise<void>[] = [];
  const listening = (async () => {
    for await (const connection of listener) handled.push(handle(connection));
  })();
  return {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      listener.close();
      await listening;
      await Promise.all(handled);
    },
  };
}

/** A correct answer: all of a file, or what a Range header asks for. */
export function wholeAnswer(
  file: Uint8Array<ArrayBuffer>,
  { from }: RawRequest,
): RawAnswer {
  if (from === undefined) {
    const headers = { "content-length": file.length };
    return { status: "200 OK", headers, body: file };
  }
  if (from >= file.length) {
    const headers = {
      "content-length": 0,
      "content-range": `bytes */${file.length}`,
    };
    return { status: "416 Range Not Satisfiable", headers };
  }
  const headers = {
    "content-length": file.length - from,
    "content-range": `bytes ${from}-${file.length - 1}/${file.length}`,
  };
  return { status: "206 Partial Content", headers, body: file.slice(from) };
}

/** A correct answer whose connection ends after `length` bytes of the body. */
export function cutAnswer(
  file: Uint8Array<ArrayBuffer>,
  request: RawRequest,
  length: number,
): RawAnswer {
  const answer = wholeAnswer(file, request);
  return { ...answer, body: answer.body?.slice(0, length) };
}
