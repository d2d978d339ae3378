// Runs JavaScript clients: `node child.mjs`, one JSON message a line on standard input, one JSON answer a line on standard output.
//
//   {"clock": seconds}                                     first line: how wrong the clock of this process is; no answer
//   {"open": id, "module": name, "host": …, "record": …}   makes a client of `clients/name.mjs`
//   {"client": id, "operation": name, "arguments": […]}    asks it
//   {"close": id}                                          ends its connections
//
// An answer is `{"ok": value}` or `{"error": {"class", "code", "text"}}`. Clients share this process: what takes seconds is loading them.

import { webcrypto } from "node:crypto";
import fs from "node:fs";
import readline from "node:readline";

import { wrongBy } from "./clock.mjs";
import { Place, Returned } from "./place.mjs";

// Debian's Node 18 has it, but not where the clients look for it.
globalThis.crypto ??= webcrypto;
// What a client prints must not stand between our lines.
console.log = console.info = console.debug = console.error;
// A client that reconnects on its own may fail with nobody waiting for it; that is no answer to what was asked.
process.on("unhandledRejection", (error) => console.error("nobody waited for:", error));

const BUILT_IN = new Set(["Error", "TypeError", "RangeError", "SyntaxError", "DOMException", "AggregateError"]);
const clients = new Map();

/** What a caller of the client sees of a refusal. Several clients throw what is no Error: an object without a class, or a text. */
function refused(client, error) {
  const code = String((error instanceof Returned ? error.code : client?.constructor.code(error)) ?? "");
  const text = (error?.message ?? JSON.stringify(error) ?? String(error)).slice(0, 400);
  return { class: kind(client, error), code, text };
}

function kind(client, error) {
  if (error instanceof Returned) return "(returned)";
  if (typeof error !== "object" || error === null) return `(${typeof error})`;
  const name = error.constructor?.name ?? "Object";
  if (name === "Object") return "(object)";
  if (BUILT_IN.has(name) || !client) return name;
  return name === "AxiosError" ? "axios.AxiosError" : `${client.constructor.package}.${name}`;
}

async function answer(asked) {
  if ("open" in asked) {
    const { Client } = await import(`./clients/${asked.module}.mjs`);
    clients.set(asked.open, new Client(new Place(asked.host, asked.record)));
    return true;
  }
  if ("close" in asked) {
    await clients.get(asked.close)?.close?.();
    return clients.delete(asked.close);
  }
  return await clients.get(asked.client)[asked.operation](...asked.arguments);
}

async function main() {
  let clockIsSet = false;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    if (!clockIsSet) {
      wrongBy(asked.clock);
      clockIsSet = true;
      continue;
    }
    let told;
    try {
      told = { ok: (await answer(asked)) ?? null };
    } catch (error) {
      if (process.env.SDK_TRACE) console.error(asked, error);
      told = { error: refused(clients.get(asked.client), error) };
    }
    fs.writeSync(1, `${JSON.stringify(told)}\n`);
  }
}

await main();
// Sockets and timers of a client that still reconnects do not keep the process.
process.exit(0);
