//! wasm-bindgen for `scripts/check-worker.sh`: `bindgen MODULE.wasm FOLDER` writes `index_bg.wasm` and its JavaScript there.
//!
//! `worker-build`, which Cloudflare's own tools call, does the same and more, with programs that it downloads.

use std::env;
use std::error::Error;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [module, folder] = arguments.as_slice() else {
        return Err("usage: bindgen MODULE.wasm FOLDER".into());
    };
    Bindgen::new()
        .input_path(module)
        .out_name("index")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .bundler(true)?
        .generate(folder)?;
    Ok(())
}
