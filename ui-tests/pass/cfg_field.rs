use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[cfg(all())]
    user_id: Option<u64>,
    // Its type does not exist, and neither do its accessors: another field can have their names.
    #[cfg(any())]
    cart: Option<Missing>,
    #[cfg_attr(all(), session(default = 1, rename = "cart"))]
    set_cart: u64,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_user_id(7);
    assert_eq!(session.set_cart(), 1);
    assert_eq!(Visitor::KEYS, ["user_id", "cart"]);
}
