use session::{Session, SessionSchema};

#[derive(SessionSchema)]
#[session(accessors = "CartAccessors")]
struct Cart {
    items: Option<u64>,
}

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
}

fn add(cart: &CartAccessors) {
    cart.update_items(|items| *items = Some(items.unwrap_or(0) + 1));
}

fn main() {
    let session = Session::new().schema::<Cart>();
    add(&session);
    let accessors: CartAccessors = CartAccessors::clone(&session);
    assert_eq!(accessors.items(), Some(1));

    let visitor: Session<Visitor> = session.schema();
    let accessors: &VisitorSession = &visitor;
    accessors.set_user_id(7);
    assert_eq!(session.schema::<Visitor>().user_id(), Some(7));
}
