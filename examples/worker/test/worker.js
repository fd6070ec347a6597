// The Worker in the runtime of Cloudflare Workers, on a free port of this computer.
//
// `BUILT_WORKER` is the folder with the Worker and its shim, and `MINIFLARE` the one with miniflare: scripts/check-worker.sh sets them.
import { createRequire } from "node:module";
import { join } from "node:path";

const folder = process.env.BUILT_WORKER;
const { Miniflare } = createRequire(join(process.env.MINIFLARE, "/"))("miniflare");

/** A Worker with an empty KV namespace. `bindings` are its variables and secrets. */
export async function startWorker(bindings, { port = 0 } = {}) {
    const miniflare = new Miniflare({
        modules: true,
        scriptPath: join(folder, "shim.js"),
        modulesRoot: folder,
        modulesRules: [
            { type: "ESModule", include: ["**/*.js"] },
            { type: "CompiledWasm", include: ["**/*.wasm"] },
        ],
        compatibilityDate: "2026-04-01",
        host: "127.0.0.1",
        port,
        bindings,
        kvNamespaces: ["SESSIONS"],
    });
    const address = await miniflare.ready;
    const kv = await miniflare.getKVNamespace("SESSIONS");
    return { address, kv, stop: () => miniflare.dispose() };
}
