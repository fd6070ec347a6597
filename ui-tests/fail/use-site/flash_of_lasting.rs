use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    theme: String,
    cart: Option<u64>,
    #[session(flash)]
    notice: Option<String>,
}

fn handler(session: Session<Visitor>) {
    session.flash_theme("dark");
}

fn main() {}
