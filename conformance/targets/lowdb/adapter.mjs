// Drives lowdb: one `Low` database in `db.json` under the root, a document under its id. README.md grounds each claim.

import { Console } from 'node:console'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Low } from 'lowdb'
import { JSONFile } from 'lowdb/node'

// Standard output carries the protocol and nothing else.
globalThis.console = new Console(process.stderr)

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

let db

const operations = {
  async save({ id, document }) {
    // As `db.data[id] = document`, but a member even where the id is `__proto__`.
    Object.defineProperty(db.data, id, { value: document, configurable: true, enumerable: true, writable: true })
    await db.write()
    return { revision: null }
  },

  load({ id }) {
    return Object.hasOwn(db.data, id) ? { found: true, document: db.data[id], revision: null } : { found: false }
  },

  async delete({ id }) {
    const existed = Object.hasOwn(db.data, id)
    if (existed) {
      delete db.data[id]
      await db.write()
    }
    return { existed }
  },

  exists({ id }) {
    return { exists: Object.hasOwn(db.data, id) }
  },

  list() {
    return { ids: Object.keys(db.data) }
  },

  echo({ value }) {
    return { value }
  },
}

const methods = {
  ...operations,

  initialize() {
    return {
      protocol: '1.0',
      implementation: { name: 'lowdb', version: dependencies.lowdb, language: `javascript, node ${process.versions.node}` },
      operations: Object.keys(operations),
      fidelity: 'json',
      format: null,
      durability: 'process-crash',
      concurrency: 'single',
      ids: 'any',
    }
  },

  async open({ root }) {
    db = undefined
    // lowdb expects the folder of its file to be there; whoever uses it makes that folder.
    mkdirSync(root, { recursive: true, mode: 0o700 })
    const opened = new Low(new JSONFile(join(root, 'db.json')), {})
    await opened.read()
    db = opened
    return {}
  },

  close() {
    // lowdb has nothing to close: each acknowledged write is in the file.
    db = undefined
    return {}
  },
}

// Classed by the types that Node and JSON.parse throw; lowdb has none of its own.
function refusal(error) {
  if (typeof error?.syscall === 'string') {
    return { code: -32006, data: { kind: 'io', errno: error.code } }
  }
  if (error instanceof SyntaxError) {
    return { code: -32003, data: { kind: 'corrupt' } }
  }
  console.error(error)
  return { code: -32603, data: { kind: 'internal' } }
}

async function answer({ id, method, params }) {
  if (!Object.hasOwn(methods, method)) {
    return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: `no method ${method}` } })
  }
  try {
    return JSON.stringify({ jsonrpc: '2.0', id, result: await methods[method](params) })
  } catch (error) {
    return JSON.stringify({ jsonrpc: '2.0', id, error: { message: String(error), ...refusal(error) } })
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await answer(JSON.parse(line))}\n`)
}
