#![deny(warnings)]

use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[deprecated = "use `account`"]
    user_id: Option<u64>,
    account: Option<u64>,
    #[session(flash)]
    #[deprecated(note = "use `notices`")]
    notice: Option<String>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_account(1);
    assert_eq!(session.account(), Some(1));

    // `expect` warns when there is nothing to expect: every one of these has to be deprecated.
    #[expect(deprecated)]
    session.set_user_id(7);
    #[expect(deprecated)]
    let _ = session.user_id();
    #[expect(deprecated)]
    session.flash_notice("Saved.");
    #[expect(deprecated)]
    let _ = session.take_notice();
}
