//! Compiles the cases of `pass/` and `fail/`, and compares what the compiler says about the latter.
//!
//! After a change of wording: `TRYBUILD=overwrite cargo test -p ui-tests`, then read the diff.

#[test]
fn schemas() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*/*.rs");
}
