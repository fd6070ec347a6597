use session::{Session, SessionSchema};

// Three mistakes, three errors: the handlers below are not among them.
#[derive(SessionSchema)]
struct Visitor {
    user_id: u64,
    #[session(defualt)]
    cart: Vec<u64>,
    #[session(flash, default)]
    notice: Option<String>,
    theme: Option<String>,
}

fn handler(session: Session<Visitor>) -> Vec<u64> {
    session.set_user_id(7);
    session.flash_notice("Saved.");
    session.set_theme("dark");
    session.cart()
}

fn main() {}
