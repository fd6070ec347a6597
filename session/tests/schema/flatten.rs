//! `flatten`: a schema within a schema.

use serde_json::json;
use session::{Session, SessionSchema};

use crate::World;

#[derive(SessionSchema)]
struct Auth {
    #[session(privileged, alias = "uid")]
    user_id: Option<u64>,
    #[session(flash)]
    notice: Option<String>,
}

#[derive(SessionSchema)]
#[session(prefix = "shop_")]
struct Shop {
    #[session(default)]
    cart: Vec<String>,
    #[session(rename = "owner")]
    keeper: Option<String>,
}

#[derive(SessionSchema)]
struct Site {
    theme: Option<String>,
    #[session(flatten)]
    shop: Shop,
    #[session(flatten, prefix = "staff_")]
    staff: Auth,
    #[session(flatten, prefix = "site_")]
    inner: Inner,
    #[session(flatten, accessor = "auth")]
    visitor: Auth,
    locale: Option<String>,
}

#[derive(SessionSchema)]
struct Inner {
    #[session(flatten, prefix = "auth_")]
    auth: Auth,
}

#[test]
fn keys_are_those_of_all_in_the_order_of_the_fields() {
    assert_eq!(Shop::KEYS, ["shop_cart", "shop_owner"]);
    assert_eq!(Inner::KEYS, ["auth_user_id", "auth_notice"]);
    assert_eq!(
        Site::KEYS,
        [
            "theme",
            "shop_cart",
            "shop_owner",
            "staff_user_id",
            "staff_notice",
            "site_auth_user_id",
            "site_auth_notice",
            "user_id",
            "notice",
            "locale",
        ]
    );
}

#[tokio::test]
async fn accessors_of_each_are_its_own() {
    let mut world = World::new();
    world
        .request(|session: &Session<Site>| {
            session.auth().set_user_id(1);
            session.staff().set_user_id(2);
            session.inner().auth().set_user_id(3);
            session.inner().auth().flash_notice("Hello.");
            session
                .shop()
                .update_cart(|cart| cart.push("Emma".to_owned()));
            session.untyped().set("staff_uid", 22);
        })
        .await;
    let session = world.open::<Site>().await;
    assert_eq!(session.auth().user_id(), Some(1));
    assert_eq!(
        session.staff().user_id(),
        Some(22),
        "an alias is found under the prefix"
    );
    assert_eq!(
        session.inner().auth().peek_notice().as_deref(),
        Some("Hello.")
    );
    assert_eq!(session.schema::<Auth>().user_id(), Some(1));
    assert_eq!(
        session.untyped().data(),
        json!({
            "user_id": 1,
            "staff_user_id": 2,
            "staff_uid": 22,
            "site_auth_user_id": 3,
            "site_auth_notice": "Hello.",
            "shop_cart": ["Emma"],
        })
    );
}

#[test]
fn privilege_goes_with_it() {
    let session = Session::new().schema::<Site>();
    let before = session.id();
    session.staff().set_user_id(2);
    assert_ne!(session.id(), before);
}
