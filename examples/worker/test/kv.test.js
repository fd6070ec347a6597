// The shop over HTTP, its sessions in Workers KV, and what lies in the namespace meanwhile.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { keyOf, nowInSeconds, parse, print } from "./kv-entry.js";
import { Visitor } from "./visitor.js";
import { startWorker } from "./worker.js";

const SECRET = "a secret for these tests, of more than 32 bytes";
const ADA = { name: "Ada", password: "secret" };
const MONTH = 30 * 24 * 60 * 60;

let worker;
before(async () => {
    worker = await startWorker({ SESSION_SECRET: SECRET });
});
after(() => worker.stop());

async function keys() {
    const { keys } = await worker.kv.list();
    return keys;
}

/** A visitor who has logged in, with a book in the cart. */
async function ada() {
    const visitor = new Visitor(worker.address);
    await visitor.post("/cart/add", { title: "Emma" });
    await visitor.post("/login", ADA);
    return visitor;
}

/** Writes a session's entry anew, changed. KV itself keeps it for an hour. */
async function rewrite(visitor, change) {
    const key = keyOf(visitor.cookie);
    const entry = parse(await worker.kv.get(key));
    change(entry);
    await worker.kv.put(key, print(entry), { expirationTtl: 3600 });
    return key;
}

test("the theme stays", async () => {
    const visitor = new Visitor(worker.address);
    const answer = await visitor.post("/set-theme", { theme: "dark" });
    assert.equal(answer.status, 303);
    for (const path of ["/", "/books", "/cart"]) {
        const page = await visitor.get(path);
        assert.match(page.text, /data-theme="dark"/, path);
    }
    const stranger = await new Visitor(worker.address).get("/");
    assert.match(stranger.text, /data-theme="light"/);
});

test("a flash message is shown once", async () => {
    const visitor = new Visitor(worker.address);
    await visitor.post("/cart/add", { title: "Emma" });
    const [first, second] = [await visitor.get("/cart"), await visitor.get("/cart")];
    assert.match(first.text, /“Emma” is in your cart\./);
    assert.doesNotMatch(second.text, /is in your cart\./);
    assert.deepEqual(await visitor.session(), { cart: { Emma: 1 } });
});

test("a login gives the session another id, and the old one opens nothing", async () => {
    const visitor = new Visitor(worker.address);
    await visitor.post("/cart/add", { title: "Emma" });
    const planted = visitor.copy();
    const held = await worker.kv.get(keyOf(planted.cookie));
    assert.match(held, /Emma/, "before the login the entry holds the session");

    await visitor.post("/login", ADA);
    assert.notEqual(visitor.cookie, planted.cookie);
    assert.deepEqual(await visitor.session(), { cart: { Emma: 1 }, success: "Welcome, Ada.", user: "Ada" });
    assert.deepEqual(await planted.session(), {});
    const { record } = parse(await worker.kv.get(keyOf(planted.cookie)));
    assert.deepEqual(Object.keys(record).sort(), ["created_at", "ended", "format"], "a mark without values is left");
});

test("a logout removes the entry, for every browser that has the cookie", async () => {
    const visitor = await ada();
    const copy = visitor.copy();
    assert.notEqual(await worker.kv.get(keyOf(copy.cookie)), null);

    await visitor.post("/logout");
    assert.equal(await worker.kv.get(keyOf(copy.cookie)), null);
    assert.deepEqual(await copy.session(), {});
    assert.notEqual(visitor.cookie, copy.cookie, "the goodbye is in a session of its own");
    assert.match((await visitor.get("/")).text, /Goodbye, and come again\./);
});

test("whoever is forgotten has neither an entry nor a cookie", async () => {
    const visitor = await ada();
    const [others, key] = [(await keys()).length - 1, keyOf(visitor.cookie)];
    await visitor.post("/forget");
    assert.equal(visitor.cookie, undefined);
    assert.equal(await worker.kv.get(key), null);
    assert.equal((await keys()).length, others);
});

test("an entry whose deadline has passed is not read, though KV still has it", async () => {
    const visitor = await ada();
    await rewrite(visitor, (entry) => (entry.deadline = nowInSeconds() + 60));
    assert.equal((await visitor.session()).user, "Ada", "a rewritten entry is read until its deadline");

    const key = await rewrite(visitor, (entry) => (entry.deadline = nowInSeconds() - 1));
    assert.deepEqual(await visitor.session(), {});
    assert.notEqual(await worker.kv.get(key), null);
});

test("a session that is too old is not read, though its deadline is to come", async () => {
    const visitor = await ada();
    const key = await rewrite(visitor, (entry) => (entry.record.created_at = nowInSeconds() - MONTH - 1));
    assert.deepEqual(await visitor.session(), {});
    assert.notEqual(await worker.kv.get(key), null);
});

test("a lifetime that KV would refuse is raised", async () => {
    const visitor = await ada();
    // Under a minute is left of the month that a session lasts at most.
    const end = nowInSeconds() + 50;
    const key = await rewrite(visitor, (entry) => (entry.record.created_at = end - MONTH));
    const asked = nowInSeconds();
    const answer = await visitor.post("/set-theme", { theme: "dark" });
    assert.equal(answer.status, 303);

    const entry = parse(await worker.kv.get(key));
    assert.equal(entry.record.values.theme, "dark");
    assert.equal(entry.deadline, end, "the session itself lasts no longer");
    const { expiration } = (await keys()).find(({ name }) => name === key);
    assert.ok(expiration >= asked + 60, `KV keeps it for ${expiration - asked} s`);
});

test("what KV holds has the hash of an id, and neither ids nor cookies", async () => {
    const visitor = await ada();
    const [id, signature] = visitor.cookie.split(".");
    const bytes = Buffer.from(id, "base64url");
    assert.equal(bytes.length, 32);
    const listed = await keys();
    assert.ok(listed.some(({ name }) => name === keyOf(visitor.cookie)));
    for (const { name } of listed) {
        assert.match(name, /^session:[0-9a-f]{64}$/);
        const held = `${name} ${await worker.kv.get(name)}`;
        for (const secret of [id, signature, bytes.toString("hex"), bytes.toString("base64")]) {
            assert.ok(!held.includes(secret), "an entry has a part of a cookie");
        }
    }
});

test("a forged cookie opens nothing, and leaves no entry", async () => {
    const visitor = await ada();
    const [id, signature] = visitor.cookie.split(".");
    const flip = (text) => (text[0] === "A" ? "B" : "A") + text.slice(1);
    const held = await keys();
    const forged = [`${id}.${flip(signature)}`, `${flip(id)}.${signature}`, id, `${id}.`, "x", keyOf(id)];
    for (const cookie of forged) {
        const forger = new Visitor(worker.address, cookie);
        assert.deepEqual(await forger.session(), {}, cookie);
    }
    assert.equal((await visitor.session()).user, "Ada");
    assert.deepEqual(await keys(), held);
});

test("a page without the session neither asks for it nor says that it depends on it", async () => {
    const visitor = await ada();
    const key = await rewrite(visitor, (entry) => (entry.record.format = 1000));
    assert.equal((await visitor.get("/")).status, 503, "a page with it cannot be shown: another version wrote the entry");
    const style = await visitor.get("/style.css");
    assert.equal(style.status, 200);
    assert.deepEqual(style.setCookies, []);
    assert.doesNotMatch(style.headers.get("vary") ?? "", /cookie/i);
    assert.equal(parse(await worker.kv.get(key)).record.format, 1000, "nothing was overwritten");
});

// KV cannot compare and write in one step, so one of the changes may be lost here. What was there before may not.
test("of two requests at once that change different keys none harms the session", async () => {
    const visitor = await ada();
    await visitor.get("/");
    const answers = await Promise.all([
        visitor.copy().post("/set-theme", { theme: "dark" }),
        visitor.copy().post("/cart/add", { title: "Emma" }),
    ]);
    for (const { status, setCookies } of answers) {
        assert.equal(status, 303);
        assert.deepEqual(setCookies, []);
    }
    const { user, theme, cart } = await visitor.session();
    assert.equal(user, "Ada");
    assert.ok(theme === "dark" || cart.Emma === 2, "one of the changes is there");
    assert.ok(cart.Emma === 1 || cart.Emma === 2);
});
