// Checks files in an editor: yaml-language-server reads the output of `planspec new` with the schema that each file
// names, and must find nothing in valid files, and something in invalid ones.
//
//   node tests/editor/check.mjs PLANSPEC SERVER
//
// PLANSPEC is the program, SERVER the folder in which `npm install yaml-language-server` was run.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [planspec, folder] = process.argv.slice(2).map((path) => resolve(path));
const repository = mkdtempSync(join(tmpdir(), "planspec-editor-"));
const run = (program, ...words) =>
  execFileSync(program, words, { cwd: repository, encoding: "utf8" });

run("git", "init", "-q", "-b", "main");
const kinds = ["goal", "plan", "capability", "binding", "gate", "execution", "document"];
for (const kind of kinds) run(planspec, "new", kind, `a-${kind}`);
writeFileSync(join(repository, "config.json"), run(planspec, "schema", "config"));
writeFileSync(
  join(repository, ".planspec.yaml"),
  "# yaml-language-server: $schema=config.json\npaths: [planspec]\n",
);
const written = readdirSync(join(repository, "planspec"), { recursive: true })
  .filter((path) => path.endsWith(".yaml"))
  .map((path) => join("planspec", path));
const files = [...written, ".planspec.yaml"];

// One unknown field, and one value of the wrong kind.
const wrong = (text) => [
  ["an unknown field", `${text.trimEnd()}\nnonsense: 1\n`],
  ...(/^ {2}name: /m.test(text)
    ? [["a name that is none", text.replace(/^ {2}name: .*$/m, "  name: Not A Name")]]
    : []),
];

const server = spawn("node", [
  join(folder, "node_modules/yaml-language-server/bin/yaml-language-server"),
  "--stdio",
]);
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};
const waiting = new Map();
const settings = { validate: true, schemaStore: { enable: false } };
const received = (message) => {
  if (message.method === "textDocument/publishDiagnostics") {
    waiting.get(message.params.uri)?.(message.params.diagnostics.map((one) => one.message));
  } else if (message.method === "workspace/configuration") {
    send({ id: message.id, result: message.params.items.map(() => settings) });
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, result: null });
  } else {
    waiting.get(message.id)?.();
  }
};
let unread = Buffer.alloc(0);
server.stdout.on("data", (bytes) => {
  unread = Buffer.concat([unread, bytes]);
  for (;;) {
    const head = unread.indexOf("\r\n\r\n");
    const length = /Content-Length: (\d+)/.exec(unread.subarray(0, Math.max(head, 0)))?.[1];
    if (!length || unread.length < head + 4 + Number(length)) return;
    received(JSON.parse(unread.subarray(head + 4, head + 4 + Number(length))));
    unread = unread.subarray(head + 4 + Number(length));
  }
});
const answer = (key, ask) =>
  new Promise((given, missing) => {
    const late = () => missing(new Error(`no answer about ${key}`));
    const timer = setTimeout(late, 30_000);
    waiting.set(key, (value) => (clearTimeout(timer), given(value)));
    ask();
  });
let opened = 0;
const said = (path, text) => {
  // Next to the file, so that it finds the same schema.
  opened += 1;
  const uri = pathToFileURL(join(repository, path.replace(/\.yaml$/, `.${opened}.yaml`))).href;
  const textDocument = { uri, languageId: "yaml", version: 1, text };
  return answer(uri, () => send({ method: "textDocument/didOpen", params: { textDocument } }));
};

let failures = 0;
const judge = (is, what) => {
  console.log(`${is ? "ok  " : "FAIL"} ${what}`);
  if (!is) failures += 1;
};
const capabilities = { workspace: { configuration: true } };
const initialize = { processId: process.pid, rootUri: pathToFileURL(repository).href, capabilities };
await answer(1, () => send({ id: 1, method: "initialize", params: initialize }));
send({ method: "initialized", params: {} });
for (const path of files) {
  const text = readFileSync(join(repository, path), "utf8");
  const right = await said(path, text);
  judge(right.length === 0, `${path}: ${right.join("; ") || "nothing to say"}`);
  for (const [what, changed] of wrong(text)) {
    const found = await said(path, changed);
    const unresolved = found.some((message) => message.includes("resolve"));
    judge(found.length > 0 && !unresolved, `${path}, ${what}: ${found.join("; ") || "not seen"}`);
  }
}
judge(files.length === kinds.length + 1, `${files.length} files`);
server.kill();
rmSync(repository, { recursive: true });
process.exit(failures ? 1 : 0);
