// What the library keeps in KV: `session:<SHA-256 of the id>` with `<version>:<deadline>:<record>`, the deadline in seconds.
import { createHash } from "node:crypto";

const [VERSION, DEADLINE] = [16, 12];

/** The key of the session whose cookie this is: `<id>.<signature>`. */
export function keyOf(cookie) {
    const [id] = cookie.split(".");
    return `session:${createHash("sha256").update(Buffer.from(id, "base64url")).digest("hex")}`;
}

export function parse(value) {
    const [deadline, record] = [VERSION + 1, VERSION + 1 + DEADLINE + 1];
    return {
        version: value.slice(0, VERSION),
        deadline: Number(value.slice(deadline, deadline + DEADLINE)),
        record: JSON.parse(value.slice(record)),
    };
}

export function print({ version, deadline, record }) {
    return `${version}:${String(deadline).padStart(DEADLINE, "0")}:${JSON.stringify(record)}`;
}

export function nowInSeconds() {
    return Math.floor(Date.now() / 1000);
}
