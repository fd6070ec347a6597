// The shop over HTTP, its sessions in the cookie itself: KV stays empty.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Visitor } from "./visitor.js";
import { startWorker } from "./worker.js";

const SECRET = "a secret for these tests, of more than 32 bytes";

let worker;
before(async () => {
    worker = await startWorker({ SESSION_SECRET: SECRET, SESSION_STORAGE: "cookie" });
});
after(() => worker.stop());

test("a session in the cookie stays, flashes once and ends, without KV", async () => {
    const visitor = new Visitor(worker.address);
    await visitor.post("/set-theme", { theme: "dark" });
    await visitor.post("/login", { name: "Ada", password: "secret" });
    const [first, second] = [await visitor.get("/"), await visitor.get("/")];
    assert.match(first.text, /Welcome, Ada\./);
    assert.doesNotMatch(second.text, /Welcome, Ada\./);
    assert.deepEqual(await visitor.session(), { theme: "dark", user: "Ada" });

    await visitor.post("/forget");
    assert.equal(visitor.cookie, undefined);
    assert.deepEqual((await worker.kv.list()).keys, []);
});

test("a session in the cookie cannot be read or changed there", async () => {
    const visitor = new Visitor(worker.address);
    await visitor.post("/login", { name: "Ada", password: "secret" });
    const sealed = Buffer.from(visitor.cookie, "base64url");
    assert.ok(!sealed.includes("Ada"));
    for (const at of [0, 1, Math.floor(sealed.length / 2), sealed.length - 1]) {
        const changed = Buffer.from(sealed);
        changed[at] ^= 1;
        const forger = new Visitor(worker.address, changed.toString("base64url"));
        assert.deepEqual(await forger.session(), {}, `byte ${at}`);
    }
    assert.equal((await visitor.session()).user, "Ada");
});

test("a cookie of another secret opens nothing", async () => {
    const other = await startWorker({ SESSION_SECRET: `not ${SECRET}`, SESSION_STORAGE: "cookie" });
    try {
        const visitor = new Visitor(other.address);
        await visitor.post("/set-theme", { theme: "dark" });
        assert.deepEqual(await visitor.session(), { theme: "dark" });
        assert.deepEqual(await new Visitor(worker.address, visitor.cookie).session(), {});
    } finally {
        await other.stop();
    }
});

test("a shop that is set up wrongly answers nobody", async () => {
    for (const bindings of [{}, { SESSION_SECRET: "short" }, { SESSION_SECRET: SECRET, SESSION_STORAGE: "memory" }]) {
        const broken = await startWorker(bindings);
        try {
            const answer = await new Visitor(broken.address).get("/");
            assert.equal(answer.status, 500);
            assert.equal(answer.text, "INTERNAL SERVER ERROR");
        } finally {
            await broken.stop();
        }
    }
});
