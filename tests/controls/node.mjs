// A store and its adapter in JavaScript, whose JSON knows neither -0 nor integers beyond 2^53: `echo` shows it.

import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import * as readline from "node:readline";

class Refused extends Error {
  constructor(kind, code, message) {
    super(message);
    Object.assign(this, { kind, code });
  }
}

const statement = {
  protocol: "1.0",
  implementation: { name: "node", version: "1", language: `node ${process.version}` },
  operations: ["save", "load", "delete", "exists", "list", "echo"],
  fidelity: "json",
  format: null,
  durability: "process-crash",
  concurrency: "single",
  ids: "any",
};

let root = null;

const digest = (text) => createHash("sha256").update(text, "utf8").digest("hex");

function fileOf(id) {
  if (!id.isWellFormed()) throw new Refused("invalid_id", -32001, "a lone surrogate");
  const name = Buffer.from(id, "utf8").toString("hex");
  if (name.length > 200) throw new Refused("invalid_id", -32001, "too long");
  return path.join(root, `s${name}.session`);
}

function load(id) {
  let text;
  try {
    const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
    const descriptor = fs.openSync(fileOf(id), flags);
    try {
      text = fs.readFileSync(descriptor, "utf8");
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    if (error.code === "ENOENT") return { found: false };
    throw error;
  }
  const body = text.slice(65);
  if (digest(body) !== text.slice(0, 64)) throw new Refused("corrupt", -32003, "the checksum does not fit");
  const stored = JSON.parse(body);
  if (stored.id !== id) throw new Refused("corrupt", -32003, "the file of another session");
  return { found: true, document: stored.document, revision: null };
}

// Not by `existsSync`, which takes what may not be looked at for absent.
function isThere(id) {
  return fs.lstatSync(fileOf(id), { throwIfNoEntry: false }) !== undefined;
}

const methods = {
  initialize: () => statement,
  open(params) {
    root = params.root;
    fs.mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const name of fs.readdirSync(root)) {
      if (/^new-[0-9a-f]{16}$/.test(name)) fs.rmSync(path.join(root, name));
    }
    return {};
  },
  close: () => ({}),
  echo: ({ value }) => ({ value }),
  save({ id, document }) {
    if (document === null || typeof document !== "object" || Array.isArray(document)) {
      throw new Refused("invalid_document", -32002, "a document is an object");
    }
    const body = JSON.stringify({ id, document });
    const temporary = path.join(root, `new-${randomBytes(8).toString("hex")}`);
    const target = fileOf(id);
    fs.writeFileSync(temporary, `${digest(body)}\n${body}`, { mode: 0o600, flag: "wx" });
    fs.renameSync(temporary, target);
    return { revision: null };
  },
  load: ({ id }) => load(id),
  delete({ id }) {
    const existed = isThere(id);
    fs.rmSync(fileOf(id), { force: true });
    return { existed };
  },
  exists: ({ id }) => ({ exists: isThere(id) }),
  list() {
    const names = fs.readdirSync(root).filter((name) => /^s([0-9a-f]{2})*\.session$/.test(name));
    return { ids: names.map((name) => Buffer.from(name.slice(1, -8), "hex").toString("utf8")) };
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  const reply = { jsonrpc: "2.0", id };
  try {
    reply.result = methods[method](params ?? {});
  } catch (error) {
    const kind = error.kind ?? (error.syscall ? "io" : "internal");
    const code = error.code < 0 ? error.code : kind === "io" ? -32006 : -32603;
    reply.error = { code, message: String(error.message), data: { kind, errno: error.syscall ? error.code : undefined } };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
