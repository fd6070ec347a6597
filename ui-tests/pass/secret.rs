use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(secret)]
    token: Option<String>,
    #[session(secret, flash = "next_request")]
    answer: Option<u64>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_token("hunter2");
    session.flash_answer(42);
    assert_eq!(session.token().as_deref(), Some("hunter2"));
    assert_eq!(
        session.untyped().data().to_string(),
        r#"{"answer":"[redacted]","token":"[redacted]"}"#
    );
}
