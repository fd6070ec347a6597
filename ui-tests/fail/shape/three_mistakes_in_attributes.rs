use session::{Session, SessionSchema};

// Three mistakes, three errors: the handlers below are not among them.
#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "10min")]
    code: Option<String>,
    #[session(alias = "code")]
    user_id: Option<u64>,
    #[session(flash, privileged)]
    notice: Option<String>,
    #[session(accessor = "visitor_id", secret)]
    id: Option<u64>,
}

fn handler(session: Session<Visitor>) -> Option<String> {
    session.set_user_id(7);
    session.flash_notice("Saved.");
    session.set_visitor_id(7);
    session.code()
}

fn main() {}
