use session::{Session, SessionSchema};

mod auth {
    use session::SessionSchema;

    #[derive(SessionSchema)]
    pub(crate) struct Auth {
        #[session(privileged)]
        pub(crate) user_id: Option<u64>,
    }
}

#[derive(SessionSchema)]
struct Visitor {
    theme: Option<String>,
    #[session(flatten)]
    auth: auth::Auth,
    #[session(flatten, prefix = "staff_")]
    staff: auth::Auth,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.auth().set_user_id(7);
    session.staff().set_user_id(8);
    assert_eq!(session.auth().user_id(), Some(7));
    assert_eq!(Visitor::KEYS, ["theme", "user_id", "staff_user_id"]);
    assert_eq!(session.untyped().keys(), ["staff_user_id", "user_id"]);
}
