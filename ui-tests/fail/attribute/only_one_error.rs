use session::{Session, SessionSchema};

#[derive(SessionSchema)]
#[session(rename_all = "camelcase")]
struct Visitor {
    user_id: Option<u64>,
    #[session(default = 3)]
    tries: u64,
    #[session(flash)]
    notice: Option<String>,
}

fn handler(session: Session<Visitor>) -> u64 {
    session.set_user_id(7);
    session.flash_notice("Saved.");
    session.tries()
}

fn main() {}
