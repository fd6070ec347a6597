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
    session.update_cart(|cart: &mut u64| *cart += 1);
}

fn main() {}
