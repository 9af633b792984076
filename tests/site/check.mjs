// Checks the site in a browser: light and dark, on a desktop and a phone, and its search.
//
//   node tests/site/check.mjs SITE FOLDER [--shots DIR]
//
// SITE is the output of docs/site/build.py, FOLDER the one in which `npm install playwright-core axe-core` was run.
// CHROMIUM names the browser.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [site, modules, ...options] = process.argv.slice(2);
const folder = resolve(modules, "node_modules");
const shots = options.includes("--shots") && resolve(options[options.indexOf("--shots") + 1]);
const { chromium } = await import(pathToFileURL(join(folder, "playwright-core/index.mjs")));
const axe = readFileSync(join(folder, "axe-core/axe.min.js"), "utf8");

const TYPES = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript", json: "application/json", svg: "image/svg+xml" };
const server = createServer((request, answer) => {
  const path = decodeURIComponent(new URL(request.url, "http://x").pathname);
  const file = join(resolve(site), path);
  if (path.includes("..") || !existsSync(file)) return answer.writeHead(404).end();
  answer.writeHead(200, { "content-type": TYPES[path.split(".").pop()] ?? "text/plain" }).end(readFileSync(file));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const base = `http://127.0.0.1:${server.address().port}/`;

const faults = [];
const expect = (holds, what) => holds || faults.push(what);

const executablePath =
  process.env.CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((one) => existsSync(one));
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

const open = async (context, path) => {
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`${path}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${path}: ${error.message}`));
  page.on("request", (request) => expect(request.url().startsWith(base) || request.url().startsWith("data:"), `${path}: asks for ${request.url()}`));
  await page.goto(base + path);
  return page;
};

const SCREENS = { desk: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
const PAGES = [
  "index.html",
  "docs/cli.html",
  "docs/install.html",
  "docs/rules/PS302.html",
  "docs/schemas/index.html",
  "docs/schemas/plan.json.html",
  "docs/spec/documents.html",
  "docs/spec/conformance/results.html",
  "examples/monorepo/index.html",
];

// No errors, no serious problem found by axe, nothing wider than the screen.
const look = async (colorScheme, screen) => {
  const viewport = SCREENS[screen];
  const context = await browser.newContext({ viewport, colorScheme });
  for (const path of PAGES) {
    const page = await open(context, path);
    const where = `${path} (${screen}, ${colorScheme})`;
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width <= viewport.width, `${where}: ${width} pixels wide`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run({ iframes: false }));
    for (const { impact, id, nodes } of violations) {
      const isGrave = ["serious", "critical"].includes(impact);
      expect(!isGrave, `${where}: ${impact} ${id}: ${nodes[0].html.slice(0, 200)}`);
    }
    if (shots) {
      mkdirSync(shots, { recursive: true });
      await page.screenshot({ path: join(shots, `${path.replaceAll("/", "_")}-${screen}-${colorScheme}.png`), fullPage: true });
    }
    await page.close();
  }
  await context.close();
};

for (const colorScheme of ["light", "dark"]) for (const screen of Object.keys(SCREENS)) await look(colorScheme, screen);

// With the keyboard alone: from an inner page to a search result.
const context = await browser.newContext({ viewport: SCREENS.phone });
const page = await open(context, "docs/rules/PS302.html");
await page.keyboard.press("/");
await page.keyboard.type("soft edge");
await page.waitForSelector("#found a");
if (shots) await page.screenshot({ path: join(shots, "search-phone.png") });
expect((await page.locator("#found a").count()) > 3, "a search for `soft edge` finds little");
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
await page.waitForURL((url) => url.href.startsWith(base) && !url.pathname.endsWith("PS302.html"));
await page.goto(base + "index.html");
await page.fill("search input", "nothinghasthisname");
await page.waitForFunction(() => document.querySelector("#found").textContent === "Nothing found");
await context.close();

await browser.close();
server.close();
console.log(`looked at ${PAGES.length} pages, light and dark, on a desk and on a phone`);
if (faults.length) {
  console.error([...new Set(faults)].join("\n"));
  process.exit(1);
}
