/**
 * A page in headless Chromium, by its DevTools protocol: what it asks for, what it
 * complains of, and what is seen of it.
 *
 * With `-- --require-chromium` a missing browser is a failure.
 */

import { pathToFileURL } from "node:url";

const required = Deno.args.includes("--require-chromium");

let missing = "";
try {
  await new Deno.Command("chromium", {
    args: ["--version"],
    stdout: "null",
    stderr: "null",
  }).output();
} catch (error) {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
  missing = "chromium must be installed, got none";
}

/** A test that needs Chromium: skipped, and listed as such, where there is none. */
export function chromiumTest(
  name: string,
  test: () => Promise<void>,
): void {
  Deno.test({
    name: missing === "" ? name : `${name} (skipped: needs chromium)`,
    ignore: missing !== "" && !required,
    fn: async () => {
      if (missing !== "") throw new Error(missing);
      await test();
    },
  });
}

/** A page that is open. */
export interface OpenPage {
  /** What it asked for, itself and what is within it left out. */
  readonly requests: readonly string[];
  /** Errors of scripts, and what the browser logged. */
  readonly complaints: readonly string[];
  /** The value of an expression in it. */
  evaluate(expression: string): Promise<unknown>;
  /** Shows it as a reader has it whose system is light or dark. */
  prefer(scheme: "light" | "dark"): Promise<void>;
}

type Fields = Record<string, unknown>;

/** Looks at a file in a browser of its own. */
export async function inChromium(
  path: string,
  look: (page: OpenPage) => Promise<void>,
): Promise<void> {
  const profile = await Deno.makeTempDir();
  const browser = new Deno.Command("chromium", {
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "about:blank",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    const errors = browser.stderr.pipeThrough(new TextDecoderStream())
      .getReader();
    let said = "";
    let [, address] = [] as (string | undefined)[];
    while (address === undefined) {
      const { value, done } = await errors.read();
      if (done) throw new Error(`Chromium ended before it listened: ${said}`);
      said += value;
      address = /DevTools listening on (ws:\S+)\s/.exec(said)?.[1];
    }
    // What it writes later is read, so that it need not wait, and left.
    const rest = (async () => {
      while (!(await errors.read()).done);
    })();
    await withPage(address, pathToFileURL(path).href, look);
    await rest;
  } finally {
    await ended(browser);
    await Deno.remove(profile, { recursive: true });
  }
}

/** Ends the browser, if it has not ended by itself. */
async function ended(browser: Deno.ChildProcess): Promise<void> {
  try {
    browser.kill();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  await browser.status;
}

/** Opens a page, looks at it, and closes the browser. */
async function withPage(
  address: string,
  url: string,
  look: (page: OpenPage) => Promise<void>,
): Promise<void> {
  const socket = new WebSocket(address);
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const loaded = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onerror = () => opened.reject(new Error(`No answer at ${address}`));
  socket.onclose = () => closed.resolve();
  const requests: string[] = [], complaints: string[] = [];
  const answers = new Map<number, (message: Fields) => void>();
  let sent = 0, sessionId: unknown;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data) as Fields;
    if (message.id !== undefined) {
      return answers.get(message.id as number)?.(message);
    }
    const params = message.params as Fields;
    switch (message.method) {
      case "Page.loadEventFired":
        return loaded.resolve();
      case "Network.requestWillBeSent": {
        const asked = (params.request as Fields).url as string;
        if (asked !== url && !asked.startsWith("data:")) requests.push(asked);
        return;
      }
      case "Runtime.exceptionThrown":
      case "Runtime.consoleAPICalled":
      case "Log.entryAdded":
        complaints.push(JSON.stringify(params));
    }
  };
  const ask = (method: string, params: Fields = {}): Promise<Fields> => {
    const id = ++sent;
    const { promise, resolve, reject } = Promise.withResolvers<Fields>();
    answers.set(
      id,
      ({ result, error }) =>
        error === undefined
          ? resolve(result as Fields)
          : reject(new Error(`${method}: ${JSON.stringify(error)}`)),
    );
    socket.send(JSON.stringify({ id, method, params, sessionId }));
    return promise;
  };
  await opened.promise;
  try {
    const { targetId } = await ask("Target.createTarget", {
      url: "about:blank",
    });
    const attached = await ask("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    sessionId = attached.sessionId;
    for (const domain of ["Page", "Network", "Runtime", "Log"]) {
      await ask(`${domain}.enable`);
    }
    await ask("Page.navigate", { url });
    await loaded.promise;
    await look({
      requests,
      complaints,
      evaluate: async (expression) => {
        const { result, exceptionDetails } = await ask("Runtime.evaluate", {
          expression,
          awaitPromise: true,
          returnByValue: true,
        });
        if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
        return (result as Fields).value;
      },
      prefer: async (scheme) => {
        await ask("Emulation.setEmulatedMedia", {
          features: [{ name: "prefers-color-scheme", value: scheme }],
        });
      },
    });
  } finally {
    sessionId = undefined;
    // It answers by closing the connection.
    ask("Browser.close").catch(() => undefined);
    await closed.promise;
  }
}
