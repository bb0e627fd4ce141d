import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/csv";
import { fromFileUrl } from "@std/path";
import { inFolder, namesIn } from "../data/temporary.ts";
import { sizeOfPng, textsOf } from "../plot/helpers.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

async function run(
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      "--allow-write",
      "cli/landscape.ts",
      ...args,
    ],
    cwd: root,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

const short = [
  "--optimizers",
  "adam@0.05,adafisher:paper",
  "--epochs",
  "3",
  "--size",
  "20",
];

Deno.test("landscape --help lists every option", async () => {
  const { code, out, err } = await run("--help");
  assertEquals([code, err], [0, ""]);
  for (
    const name of [
      "optimizers",
      "epochs",
      "seed",
      "size",
      "device",
      "threads",
      "out",
      "json",
    ]
  ) {
    assertStringIncludes(out, `--${name}`);
  }
});

Deno.test("landscape leaves figure, data and report, and the same seed leaves the same", () =>
  inFolder(async (folder) => {
    const [first, second] = await Promise.all([
      run(...short, "--out", `${folder}/a`),
      run(...short, "--json", "--out", `${folder}/b`),
    ]);
    assertEquals([first.code, first.err, second.code], [0, "", 0]);
    for (const name of ["adam lr 0.05", "adafisher paper"]) {
      assertStringIncludes(first.out, name);
      assertStringIncludes(second.err, name);
    }
    const { device, results } = JSON.parse(second.out);
    assertEquals(device, "reference");
    assertEquals(
      results.map(({ name }: { name: string }) => name),
      ["adam lr 0.05", "adafisher paper"],
    );
    const names = await namesIn(`${folder}/a`);
    assertEquals([...names].sort(), [
      "landscape.json",
      "landscape.png",
      "landscape.svg",
      "landscape.vl.json",
      "losses.svg",
      "report.html",
      "surface.csv",
      "trajectories.csv",
    ]);
    const read = (run: string, name: string) =>
      Deno.readFile(`${folder}/${run}/${name}`);
    for (const name of names) {
      assertEquals(await read("a", name), await read("b", name), name);
    }
    const text = async (name: string) =>
      new TextDecoder().decode(await read("a", name));
    const rows = parse(await text("trajectories.csv"), { skipFirstRow: true });
    assertEquals(rows.length, 2 * 4);
    assertEquals([rows[0].weight1, rows[0].weight2], ["0.2", "0.2"]);
    const { trajectories, surface } = JSON.parse(await text("landscape.json"));
    assertEquals(trajectories[1].points[3].weights[0], Number(rows[7].weight1));
    assertEquals([surface.x.length, surface.values.length], [20, 20]);
    const cells = parse(await text("surface.csv"), { skipFirstRow: true });
    assertEquals(
      cells.length,
      surface.values.flat().filter((loss: number | null) => loss !== null)
        .length,
    );
    const svg = await text("landscape.svg");
    for (const name of ["adam lr 0.05", "adafisher paper", "Loss (nats)"]) {
      assert(textsOf(svg).includes(name), `no ${name}`);
    }
    const [width] = sizeOfPng(await read("a", "landscape.png"));
    assert(width > 1500);
    const report = await text("report.html");
    assertStringIncludes(report, "adafisher paper");
    assertEquals(report.match(/<svg /g)?.length, 2);
  }));

Deno.test("landscape says in one line what is wrong", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const cases: [string[], number, string][] = [
      [["--optimizers", "adm"], 2, "did you mean adam?"],
      [["--optimizers", "adam,adam"], 2, "got adam twice"],
      [["--optimizers", "adam:paper"], 2, "presets of adafisher"],
      [["--optimizers", "adafisher:new"], 2, "preset official or paper"],
      [["--optimizers", "adam@0"], 2, "a learning rate above 0"],
      [["--optimizers", "adam@"], 2, "a learning rate above 0"],
      [["--optimizers", "adam@0x10"], 2, "a learning rate above 0"],
      [["--optimizers", "adam@1e400"], 2, "a learning rate above 0"],
      [
        ["--optimizers", "adam,sgd,adam@1e-3"],
        2,
        "got adam and adam@1e-3, both adam at rate 0.001",
      ],
      [
        ["--optimizers", "adafisher,adafisher:official"],
        2,
        "got adafisher and adafisher:official, both adafisher official at rate 0.001",
      ],
      [["--size", "1"], 2, "--size needs a whole number of at least 2"],
      [["here"], 2, 'Unexpected argument "here"'],
      [[...short, "--out", folder], 1, "the folder must be empty"],
      [[...short, "--out", `${folder}/file`], 1, "a file is in its way"],
      [[...short, "--out", `${folder}/file/x`], 1, "a file is in its way"],
      [
        ["--optimizers", "sgd@1e300", "--out", `${folder}/new`],
        1,
        "sgd lr 1e+300 failed",
      ],
      [
        [
          ...["--optimizers", "sgd,adam@1e30", "--epochs", "2", "--size", "5"],
          ...["--out", `${folder}/far`],
        ],
        1,
        "adam lr 1e+30 takes the weights furthest",
      ],
    ];
    const results = await Promise.all(cases.map(([args]) => run(...args)));
    results.forEach(({ code, out, err }, i) => {
      const [args, status, message] = cases[i];
      assertEquals([code, out], [status, ""], args.join(" "));
      assertStringIncludes(err, message);
      assertEquals(err.trimEnd().includes("\n    at "), false);
    });
    assertEquals(namesIn(folder), ["file"]);
  }));
