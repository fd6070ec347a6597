#![deny(warnings)]

use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Nothing {}

fn main() {
    let session = Session::new().schema::<Nothing>();
    let _: &NothingSession = &session;
    assert!(Nothing::KEYS.is_empty());
}
