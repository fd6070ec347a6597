//! The expansion of one schema, as `rustfmt` shows it: `snapshots/visitor.rs`. Reading it, one would have written the same by hand.
//!
//! After a change: `SNAPSHOT=overwrite cargo test -p session-derive snapshot`, then read the diff. It is formatted by a child
//! process, because the library that does the same would bring a second syn.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::{env, fs};

const SCHEMA: &str = r#"
    #[session(strict)]
    pub struct Visitor {
        /// Who is logged in.
        #[session(privileged, alias = "uid")]
        pub user_id: Option<u64>,
        #[session(default, expires_in = "10m", secret)]
        pub codes: Vec<String>,
        #[session(flash = "next_request")]
        notice: Option<String>,
        #[session(flatten, prefix = "shop_")]
        shop: shop::Shop,
    }
"#;

#[test]
fn expansion_of_a_schema_reads_as_if_written_by_hand() {
    let schema = syn::parse_str(SCHEMA).unwrap();
    let expansion = formatted(&crate::derive(&schema).to_string());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/visitor.rs");
    if env::var_os("SNAPSHOT").is_some_and(|what| what == "overwrite") {
        fs::write(file, expansion).unwrap();
        return;
    }
    let snapshot = fs::read_to_string(file).unwrap();
    assert!(
        expansion == snapshot,
        "the expansion has changed; see the top of this file:\n{expansion}"
    );
}

fn formatted(code: &str) -> String {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=110"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt is there: rustup component add rustfmt");
    let mut input = rustfmt.stdin.take().unwrap();
    input.write_all(code.as_bytes()).unwrap();
    drop(input);
    let output = rustfmt.wait_with_output().unwrap();
    assert!(output.status.success(), "the expansion is no Rust:\n{code}");
    String::from_utf8(output.stdout).unwrap()
}
