use session::{Session, SessionSchema};

#[derive(SessionSchema)]
#[session(prefix = "shop.", rename_all = "camelCase")]
struct Shop {
    last_visit: Option<u64>,
    #[session(rename = "basket", alias = "cart")]
    cart: Option<u64>,
}

fn main() {
    let session = Session::new();
    session.set("cart", 7);
    let shop = session.schema::<Shop>();
    assert_eq!(shop.cart(), Some(7));
    shop.set_last_visit(1);
    shop.set_cart(8);
    assert_eq!(session.keys(), ["shop.basket", "shop.lastVisit"]);
    assert_eq!(Shop::KEYS, ["shop.lastVisit", "shop.basket"]);
}
