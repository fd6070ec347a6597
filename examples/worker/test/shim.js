// The Worker's entry for the tests: makes the module's instance and hands its `fetch` to the runtime. `worker-build` writes one that
// does more, such as making a new instance after a panic.
import * as imports from "./index_bg.js";
import module from "./index_bg.wasm";

const { exports } = new WebAssembly.Instance(module, { "./index_bg.js": imports });
imports.__wbg_set_wasm(exports);
exports.__wbindgen_start();

export default { fetch: imports.fetch };
