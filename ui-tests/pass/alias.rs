use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(alias = "uid", alias = "user")]
    user_id: Option<u64>,
    #[session(default, alias = "basket")]
    cart: Vec<u64>,
}

fn main() {
    let session = Session::new();
    session.set("user", 7);
    session.set("basket", [1]);
    let visitor = session.schema::<Visitor>();
    assert_eq!(visitor.user_id(), Some(7));
    assert_eq!(visitor.cart(), [1]);

    visitor.set_user_id(8);
    visitor.update_cart(|cart| cart.push(2));
    assert_eq!(session.keys(), ["cart", "user_id"]);
    assert_eq!(visitor.cart(), [1, 2]);
    visitor.unset_cart();
    assert!(!visitor.has_cart());
    assert_eq!(Visitor::KEYS, ["user_id", "cart"]);
}
