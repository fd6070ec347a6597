use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(flash = "next_request")]
    notice: Option<String>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.flash_notice(String::from("Saved."));
    session.keep_notice();
    assert_eq!(session.peek_notice().as_deref(), Some("Saved."));
    assert_eq!(session.take_notice().as_deref(), Some("Saved."));
    assert!(!session.has_notice());
}
