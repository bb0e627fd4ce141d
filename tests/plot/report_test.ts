import { assert, assertEquals, assertThrows } from "@std/assert";
import { reportPage } from "../../src/plot/mod.ts";

Deno.test("reportPage: escapes every text", () => {
  const bad = `<script>"&"</script>`;
  const page = reportPage({
    title: bad,
    sections: [{
      heading: bad,
      text: [bad],
      table: { caption: bad, columns: [bad], rows: [[bad]] },
      figures: [{ svg: "<svg/>", caption: bad }],
    }],
  });
  assertEquals(page.includes("<script"), false);
  assertEquals(
    page.split("&lt;script&gt;&quot;&amp;&quot;&lt;/script&gt;").length - 1,
    // Title twice, heading, text, caption, column, cell, figure's caption twice.
    9,
  );
});

Deno.test("reportPage: loads nothing", () => {
  const page = reportPage({
    title: "t",
    sections: [{ heading: "h", text: "x" }],
  });
  assertEquals(
    /<(link|script|img|iframe)|@import|src=|https?:/.test(page),
    false,
  );
  assert(page.includes("default-src 'none'"));
});

Deno.test("reportPage: follows the reader's light or dark", () => {
  const page = reportPage({ title: "t", sections: [] });
  assert(page.includes("@media (prefers-color-scheme: dark)"));
  assert(page.includes("color-scheme: light dark"));
});

Deno.test("reportPage: names within two drawings do not meet", () => {
  const svg =
    `<svg><clipPath id="c"/><g clip-path="url(#c)"/><use href="#c"/></svg>`;
  const figures = [{ svg, caption: "1" }, { svg, caption: "2" }];
  const page = reportPage({
    title: "t",
    sections: [{ heading: "h", text: "", figures }],
  });
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(new Set(ids).size, 2);
  for (const id of ids) {
    assert(page.includes(`url(#${id})`) && page.includes(`href="#${id}"`));
  }
});

Deno.test("reportPage: paragraphs are parted by an empty line", () => {
  const page = reportPage({
    title: "t",
    sections: [{ heading: "h", text: "one\n\ntwo" }],
  });
  assert(page.includes("<p>one</p>\n<p>two</p>"));
});

Deno.test("reportPage: columns of numbers stand to the right, others to the left", () => {
  const page = reportPage({
    title: "t",
    sections: [{
      heading: "h",
      text: "",
      table: {
        columns: ["name", "n", "share", "mixed"],
        rows: [["a", 1, "-1,234.50 %", 5], ["b", 2e-7, "3 %", "none"]],
      },
    }],
  });
  assert(
    page.includes(
      '<tr><td>a</td><td class="number">1</td><td class="number">-1,234.50 %</td><td>5</td></tr>',
    ),
  );
});

Deno.test("reportPage: refuses a row of another length", () => {
  assertThrows(
    () =>
      reportPage({
        title: "t",
        sections: [{
          heading: "Results",
          text: "",
          table: { columns: ["a", "b"], rows: [["1"]] },
        }],
      }),
    RangeError,
    "Cannot write table of Results: a row needs 2 cells, got 1",
  );
});
