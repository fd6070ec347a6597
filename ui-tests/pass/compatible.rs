use session::SessionSchema;

mod model {
    #[derive(serde::Serialize, serde::Deserialize, Default)]
    pub struct Cart;
}

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
    cart: Option<model::Cart>,
    // A flash value does not meet a lasting one.
    #[session(flash)]
    notice: Option<String>,
}

#[derive(SessionSchema)]
struct Guest {
    #[session(default)]
    user_id: u64,
    #[session(default)]
    cart: crate::model::Cart,
    notice: Option<u64>,
}

#[derive(SessionSchema)]
struct Other {
    #[session(flatten)]
    visitor: Visitor,
    shelf: Option<u64>,
}

session::compatible!(Visitor, Guest, Other);
session::compatible!(Visitor);

fn main() {}
