// Checks the board in Chromium: its pages under the policy that a server should send, in light and dark colours, on a
// desktop and a phone, with and without scripts.
//
//   node tests/board/check.mjs PLANSPEC FOLDER [--all] [--shots DIR]
//
// PLANSPEC is the program, FOLDER the one in which `npm install playwright-core axe-core` was run. Without --all it
// checks home and a run with 30 nodes, with it every page with 3, 30 and 400 nodes. --shots keeps screenshots. CHROMIUM
// names the browser.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [program, modules, ...options] = process.argv.slice(2);
const planspec = resolve(program);
const folder = resolve(modules, "node_modules");
const all = options.includes("--all");
const shots = options.includes("--shots") && resolve(options[options.indexOf("--shots") + 1]);
const { chromium } = await import(pathToFileURL(join(folder, "playwright-core/index.mjs")));
const axe = readFileSync(join(folder, "axe-core/axe.min.js"), "utf8");
const scratch = mkdtempSync(join(tmpdir(), "planspec-board-"));

let now = Date.UTC(2026, 0, 31, 8);
const at = () => new Date(now).toISOString().replace(/\.\d+Z/, "Z");
const run = (where, program, ...words) =>
  execFileSync(program, words, {
    cwd: where,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PLANSPEC_NOW: at(),
      GIT_AUTHOR_DATE: at(),
      GIT_COMMITTER_DATE: at(),
      GIT_CONFIG_GLOBAL: "/dev/null",
    },
  });

// A run of so many nodes in the middle of its work: nodes that are done, failed or claimed, and a gate that waits.
const repository = (nodes) => {
  const where = join(scratch, `of-${nodes}`);
  mkdirSync(join(where, "planspec"), { recursive: true });
  run(where, "git", "init", "-q", "-b", "main");
  run(where, "git", "config", "user.email", "ana@example.com");
  run(where, "git", "config", "user.name", "Ana");
  const id = (at) => `step-${String(at).padStart(3, "0")}`;
  const width = Math.max(2, Math.floor(Math.sqrt(nodes)));
  const node = (at) => {
    const before = at === 0 ? [] : [id(at <= width ? 0 : at - width)];
    const common = { id: id(at), name: `Part ${at} of the work`, dependsOn: before };
    return at === nodes - 1
      ? { ...common, kind: "Gate", dependsOn: [id(0)], gateRef: { name: "ok" } }
      : { ...common, kind: "Task", description: "What is to be done.\nAnd how.", outputs: ["found"] };
  };
  const graph = Array.from({ length: nodes }, (_, at) => node(at));
  if (nodes > 3) {
    graph.push({ id: "group", kind: "Group", children: [id(1), id(2)] });
    // Names of the maximum length, and a text without a space.
    const name = "w".repeat(200);
    graph.push({ id: "x".repeat(63), kind: "Task", name, description: name, dependsOn: [id(0)] });
  }
  const resource = (kind, name, spec) => ({
    apiVersion: "planspec.io/v1alpha1",
    kind,
    metadata: { name, namespace: "default" },
    spec,
  });
  const resources = [
    resource("Goal", "shop", { description: "A shop that people like" }),
    resource("Gate", "ok", {
      gateType: "approval",
      targetRef: { kind: "Plan", name: "work" },
      reviewers: ["ana@example.com"],
      description: "May it go?",
    }),
    resource("Plan", "work", {
      description: "Do the work in small parts",
      goalRef: { name: "shop" },
      graph: { nodes: graph },
    }),
    resource("Execution", "run", { planRef: { name: "work" }, goalRef: { name: "shop" } }),
  ];
  writeFileSync(join(where, "planspec/all.yaml"), resources.map((one) => JSON.stringify(one)).join("\n---\n"));
  run(where, "git", "add", "-A");
  run(where, "git", "commit", "-q", "-m", "Plan the work");
  run(where, planspec, "reconcile");
  const claim = (at) => run(where, planspec, "claim", `run/${id(at)}`, "--as", "agent:a");
  const report = (at, ...how) => run(where, planspec, "report", `run/${id(at)}`, "--as", "agent:a", ...how);
  const pass = (minutes) => {
    now += minutes * 60000;
    run(where, planspec, "reconcile");
  };
  claim(0);
  pass(5);
  report(0, "--succeeded", "--set", "found=nothing of note");
  pass(9);
  for (const one of [1, 2].filter((one) => one < nodes - 1)) claim(one);
  pass(4);
  if (nodes > 3) {
    report(1, "--failed", "-m", "the tests do not pass");
    pass(8);
  }
  return where;
};

const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'";
const TYPES = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript" };

// The pages on a web server.
const host = async (site) => {
  const server = createServer((request, answer) => {
    let path = decodeURIComponent(new URL(request.url, "http://x").pathname);
    if (path.endsWith("/")) path += "index.html";
    const file = join(site, path);
    if (path.includes("..") || !existsSync(file)) {
      answer.writeHead(404).end();
      return;
    }
    const type = TYPES[path.split(".").pop()];
    answer.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(readFileSync(file));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { base: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
};

// The pages from `planspec serve`.
const serve = async (where, ...words) => {
  const env = { ...process.env, PLANSPEC_NOW: at(), GIT_CONFIG_GLOBAL: "/dev/null" };
  const server = spawn(planspec, ["serve", "--port", "0", "--reconcile", ...words], { cwd: where, env });
  let said = "";
  const address = await new Promise((ready, fail) => {
    server.on("exit", () => fail(new Error(said)));
    server.stderr.on("data", (data) => {
      said += data;
      const found = said.match(/listening on (\S+)/);
      if (found) ready(found[1]);
    });
  });
  return { base: `${address}/`, close: () => server.kill() };
};

const faults = [];
const expect = (holds, what) => {
  if (!holds) faults.push(what);
};

const executablePath =
  process.env.CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((one) => existsSync(one));
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

const open = async (context, address, said) => {
  const page = await context.newPage();
  const path = new URL(address).pathname;
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) said.push(`${path}: ${message.text()}`);
  });
  page.on("pageerror", (error) => said.push(`${path}: ${error.message}`));
  page.on("request", (request) => {
    const own = new URL(request.url()).host === new URL(address).host || request.url().startsWith("data:");
    if (!own) said.push(`${path}: asks for ${request.url()}`);
  });
  await page.goto(address);
  return page;
};

const SCREENS = { desk: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

// Each page on each screen in each colour: no errors, no serious problem found by axe, nothing wider than the screen.
const look = async (base, paths, name) => {
  for (const colorScheme of ["light", "dark"]) {
    for (const [screen, viewport] of Object.entries(SCREENS)) {
      const context = await browser.newContext({ viewport, colorScheme });
      for (const path of paths) {
        const page = await open(context, base + path, faults);
        const where = `${path} (${screen}, ${colorScheme})`;
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect(width <= viewport.width, `${where}: ${width} pixels wide`);
        // The policy applies to the page; the checker uses the debugger.
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run());
        for (const { impact, id, nodes } of violations) {
          const grave = ["serious", "critical"].includes(impact);
          expect(!grave, `${where}: ${impact} ${id}: ${nodes[0].html.slice(0, 200)}`);
        }
        if (shots) {
          mkdirSync(shots, { recursive: true });
          const file = `${name}-${path.replaceAll("/", "_")}-${screen}-${colorScheme}.png`;
          await page.screenshot({ path: join(shots, file), fullPage: true });
        }
        await page.close();
      }
      await context.close();
    }
  }
};

const RUN = "runs/default/run/index.html";

const withoutScript = async (base) => {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: SCREENS.desk });
  const page = await open(context, base + "index.html", faults);
  await page.click("main a:text-is('run')");
  expect(page.url().endsWith(RUN), `home leads to ${page.url()}`);
  const done = page.locator("tr.done");
  expect((await done.count()) > 0, "no row is done");
  expect(await done.first().isVisible(), "what is done is not seen");
  await page.check("#open-only");
  expect(!(await done.first().isVisible()), "the filter leaves what is done");
  expect(await page.locator("tr.open").first().isVisible(), "the filter takes what is open");
  await page.uncheck("#open-only");
  await page.click("#graph-step-000");
  expect(page.url().endsWith("#node-step-000"), `a node of the graph leads to ${page.url()}`);
  const marked = page.locator("tr:target");
  expect((await marked.count()) === 1, "the row that is led to is not marked");
  await page.click("#node-step-000 .jump");
  expect(page.url().endsWith("#graph-step-000"), `a row leads to ${page.url()}`);
  expect((await page.locator("button.copy:visible").count()) === 0, "a button that does nothing is seen");
  await page.locator("details.fold summary").first().click();
  await page.click("#node-step-000 a >> nth=0");
  expect(page.url().endsWith("nodes/step-000.html"), `a row leads to ${page.url()}`);
  await context.close();
};

const withScript = async (base) => {
  const context = await browser.newContext({ viewport: SCREENS.desk });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await open(context, base + RUN, faults);
  await page.click("#graph-step-000");
  const selected = await page.locator(".selected").evaluateAll((all) => all.map((one) => one.id).sort());
  expect(String(selected) === "graph-step-000,node-step-000", `selected: ${selected}`);
  const command = await page.locator(".command code").first().textContent();
  await page.locator("button.copy").first().click();
  await page.waitForFunction(() => document.querySelector("button.copy").textContent !== "Copy");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied === command && copied.startsWith("planspec "), `copied: ${copied}`);
  // The keyboard reaches everything: the first stop leads to the content.
  await page.goto(base + RUN);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.className);
  expect(first === "skip", `the first stop is ${first}`);
  await context.close();
};

// On a served page, the main part is updated; unfolded and filtered parts stay.
const live = async (where) => {
  const server = await serve(where);
  const context = await browser.newContext({ viewport: SCREENS.desk });
  const page = await open(context, server.base + RUN, faults);
  await page.check("#open-only");
  const state = page.locator("#node-step-002 .phase");
  expect((await state.textContent()).includes("Running"), "step-002 does not run yet");
  const say = async (what, body) => {
    const node = "apis/planspec.io/v1alpha1/namespaces/default/executions/run/nodes/step-003";
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${server.base}${node}/${what}`, { method: "POST", headers, body: JSON.stringify(body) });
    expect(answer.ok, `${what} is answered with ${answer.status}: ${await answer.text()}`);
  };
  const shows = (phase) =>
    page
      .waitForFunction(
        (phase) => document.querySelector("#node-step-003 .phase").textContent.includes(phase),
        phase,
        { timeout: 2000 },
      )
      .catch(() => expect(false, `that it is ${phase} is not seen within two seconds`));
  await say("claim", {});
  await shows("Running");
  await say("report", { result: "succeeded", outputs: { found: "it" } });
  const begin = Date.now();
  await shows("Succeeded");
  expect(await page.isChecked("#open-only"), "the filter is gone");
  console.log(`what happened was seen ${Date.now() - begin} ms after it was answered`);
  await context.close();
  server.close();
};

const GATE = (nodes) => `runs/default/run/nodes/step-${String(nodes - 1).padStart(3, "0")}.html`;

// A reviewer decides on the page of the gate; if the gate changes in between, the decision is refused.
const decide = async (where, nodes) => {
  const sha256 = createHash("sha256").update("secret").digest("hex");
  const token = { name: "ana", sha256, actor: "ana@example.com", rights: ["read", "decide"] };
  writeFileSync(join(where, "tokens.yaml"), JSON.stringify({ tokens: [token] }));
  const server = await serve(where, "--tokens", "tokens.yaml");
  const context = await browser.newContext({
    viewport: SCREENS.phone,
    httpCredentials: { username: "ana", password: "secret" },
  });
  const page = await open(context, server.base + GATE(nodes), faults);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  expect(violations.length === 0, `the gate: ${violations.map((one) => one.id)}`);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width <= SCREENS.phone.width, `the gate is ${width} pixels wide`);
  if (shots) await page.screenshot({ path: join(shots, "gate-to-decide.png"), fullPage: true });
  await page.fill("#decide-message", "it may");
  await page.click("button:text-is('Comment')");
  await page.waitForSelector("td:text-is('it may')");
  expect(page.url() === server.base + GATE(nodes), `a decision leads to ${page.url()}`);
  await page.fill("#decide-message", "so be it");
  await page.click("button:text-is('Approve')");
  await page.waitForSelector("h1 .phase:has-text('Succeeded')");
  expect((await page.locator(".decide").count()) === 0, "what is decided can be decided again");
  await context.close();
  server.close();
};

const sizes = all ? [3, 30, 400] : [30];
for (const nodes of sizes) {
  const where = repository(nodes);
  const site = join(scratch, `site-${nodes}`);
  run(where, planspec, "board", "--out", site);
  const server = await host(site);
  const every = readdirSync(site, { recursive: true }).filter((path) => path.endsWith(".html"));
  // Only some of many similar nodes.
  const paths = all ? every.filter((path, at) => !path.includes("/nodes/") || path.includes("xxx") || at % 40 < 2) : ["index.html", RUN];
  await look(server.base, paths, nodes);
  console.log(`${nodes} nodes: looked at ${paths.length} of ${every.length} pages`);
  if (nodes === 30) {
    await withoutScript(server.base);
    await withScript(server.base);
    await live(where);
    await decide(where, nodes);
  }
  server.close();
}
await browser.close();
rmSync(scratch, { recursive: true });
for (const fault of new Set(faults)) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
