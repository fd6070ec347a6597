// A browser, as far as the shop needs one: it keeps the session's cookie, and shows redirects instead of following them.
const COOKIE = "__Host-session";

export class Visitor {
    constructor(address, cookie) {
        this.address = address;
        this.cookie = cookie;
    }

    /** Another browser that has got hold of the same cookie. */
    copy() {
        return new Visitor(this.address, this.cookie);
    }

    get(path) {
        return this.#send(path, { method: "GET" });
    }

    post(path, fields = {}) {
        return this.#send(path, { method: "POST", body: new URLSearchParams(fields) });
    }

    /** What the session holds. */
    async session() {
        const response = await this.get("/session");
        return JSON.parse(response.text);
    }

    async #send(path, request) {
        const headers = this.cookie ? { cookie: `${COOKIE}=${this.cookie}` } : {};
        const response = await fetch(new URL(path, this.address), { ...request, headers, redirect: "manual" });
        const setCookies = response.headers.getSetCookie();
        for (const setCookie of setCookies) {
            const [pair, ...attributes] = setCookie.split("; ");
            const isRemoved = attributes.includes("Max-Age=0");
            this.cookie = isRemoved ? undefined : pair.slice(`${COOKIE}=`.length);
        }
        const { status, headers: answered } = response;
        return { status, headers: answered, setCookies, text: await response.text() };
    }
}
