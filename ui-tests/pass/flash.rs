use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash)]
    notice: Option<String>,
    #[session(flash)]
    tries: Option<u32>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    assert!(!session.has_notice());
    assert_eq!(session.take_notice(), None);

    session.flash_notice("Saved.");
    assert!(session.has_notice());
    assert_eq!(session.peek_notice().as_deref(), Some("Saved."));
    assert_eq!(session.take_notice().as_deref(), Some("Saved."));
    assert_eq!(session.take_notice(), None);

    session.flash_tries(3);
    session.keep_tries();
    assert_eq!(session.take_tries(), Some(3));
}
