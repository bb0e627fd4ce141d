/**
 * The works of the benchmark in PyTorch: `pytorch.py` as a process of its own, which
 * takes one request a line and answers it by one.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import type { Value } from "../src/tensor/mod.ts";
import {
  convolutionOperands,
  matmulOperands,
  training,
  trainingOperands,
  type Work,
} from "./cases.ts";
import type { Job, Library, Results } from "./library.ts";

/** The Python that Debian's python3-torch is for. */
const PYTHON = "/usr/bin/python3";

/** Sends a request, and waits for its answer. */
type Ask = (
  request: Readonly<Record<string, unknown>>,
) => Promise<Record<string, unknown>>;

/**
 * PyTorch on the processor, where it is installed.
 *
 * @param threads How many threads it has.
 * @throws {Error} If it is not installed.
 */
export async function pytorchLibrary(threads: number): Promise<Library> {
  const ask = await startPython();
  const { version } = await ask({ action: "open", threads });
  return {
    title: `PyTorch ${(version as string).replace(/[^0-9.].*/, "")}`,
    native: true,
    async prepare(work: Work): Promise<Job> {
      const { operands, buffers } = operandsOf(work);
      await ask({
        action: "prepare",
        work,
        operands: encodeAll(operands),
        buffers: encodeAll(buffers),
        options: training,
      });
      return jobOf(ask);
    },
  };
}

/** One work at a time: the script keeps no more. */
function jobOf(ask: Ask): Job {
  let steps = 0, processor = 0;
  return {
    period: 1,
    step() {
      steps++;
      return Promise.resolve();
    },
    async finish() {
      const reply = await ask({ action: "run", steps });
      steps = 0;
      processor = reply.processor as number;
      return reply.last as number;
    },
    elsewhere: () => processor,
    async results(): Promise<Results> {
      await this.finish();
      const reply = await ask({ action: "read" });
      return new Map(
        Object.entries(reply as Record<string, string>).map(
          ([name, base64]) => [
            name,
            new Float32Array(Uint8Array.fromBase64(base64).buffer),
          ],
        ),
      );
    },
    close() {},
  };
}

/** What a work begins with, by the names that the script has. */
function operandsOf(work: Work): {
  operands: Readonly<Record<string, Value>>;
  buffers: Readonly<Record<string, Value>>;
} {
  switch (work.kind) {
    case "matmul":
      return { operands: { ...matmulOperands(work) }, buffers: {} };
    case "convolution":
      return { operands: { ...convolutionOperands(work) }, buffers: {} };
    case "training": {
      const { parameters, buffers, inputs, labels } = trainingOperands(work);
      return { operands: { ...parameters, inputs, labels }, buffers };
    }
  }
}

function encodeAll(
  values: Readonly<Record<string, Value>>,
): Record<string, { shape: readonly number[]; data: string }> {
  return Object.fromEntries(
    Object.entries(values).map(([name, { shape, data }]) => {
      const bytes = new Uint8Array(Float32Array.from(data).buffer);
      return [name, { shape, data: bytes.toBase64() }];
    }),
  );
}

/** Starts the script; it ends when its input does, with this process. */
async function startPython(): Promise<Ask> {
  const script = new URL("pytorch.py", import.meta.url);
  try {
    await Deno.stat(PYTHON);
  } catch {
    throw new Error(`not installed: there is no ${PYTHON}`);
  }
  const child = new Deno.Command(PYTHON, {
    args: [fromFileUrl(script)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // Neither its pipes nor itself should keep this process from exiting.
  child.unref();
  const writer = child.stdin.getWriter();
  const lines = child.stdout
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(lineStream())
    .getReader();
  const complaints = new Response(child.stderr).text();
  const encoder = new TextEncoder();
  return async (request) => {
    try {
      await writer.write(encoder.encode(JSON.stringify(request) + "\n"));
    } catch {
      // It has ended; why is said below.
    }
    const { value, done } = await lines.read();
    if (done) throw new Error(reasonOf(await complaints));
    const reply = JSON.parse(value) as Record<string, unknown>;
    if (reply.error !== undefined) throw new Error(String(reply.error));
    return reply;
  };
}

/** What the script said last before it ended. */
function reasonOf(complaints: string): string {
  if (complaints.includes("No module named 'torch'")) {
    return `not installed: ${PYTHON} has no module torch`;
  }
  const last = complaints.trim().split("\n").at(-1);
  return `pytorch.py ended: ${last || "it does not say why"}`;
}

/** Cuts text into its lines; what follows the last of them is left out. */
function lineStream(): TransformStream<string, string> {
  let rest: string[] = [];
  return new TransformStream({
    transform(text, controller) {
      const [first, ...lines] = text.split("\n");
      rest.push(first);
      for (const line of lines) {
        controller.enqueue(rest.join(""));
        rest = [line];
      }
    },
  });
}
