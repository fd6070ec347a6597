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
    let added = 1;
    session.update_cart(|cart| *cart = Some(added));
}

fn main() {}
