// The Worker for a browser, until Ctrl-C: `scripts/check-worker.sh --serve`.
import { randomBytes } from "node:crypto";

import { startWorker } from "./worker.js";

const port = Number(process.env.PORT ?? 8787);
const secret = randomBytes(32).toString("base64");
const bindings = { SESSION_SECRET: secret, SESSION_STORAGE: process.env.SESSION_STORAGE ?? "kv" };
const { address, stop } = await startWorker(bindings, { port });
console.log(`the bookshop is at ${address}`);
for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, stop);
}
