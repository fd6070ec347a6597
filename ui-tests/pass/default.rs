use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    cart: Vec<String>,
    #[session(default)]
    nickname: Option<String>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    assert!(session.cart().is_empty());
    assert!(!session.has_cart());

    session.set_cart(vec!["Emma".to_owned()]);
    session.update_cart(|cart| cart.push("Persuasion".to_owned()));
    assert_eq!(session.cart(), ["Emma", "Persuasion"]);
    assert!(session.has_cart());

    session.unset_cart();
    session.update_cart(|cart| cart.push("Emma".to_owned()));
    assert_eq!(session.cart(), ["Emma"]);

    session.set_nickname(Some("Jo".to_owned()));
    session.update_nickname(|name| *name = None);
    assert_eq!(session.nickname(), None);
}
