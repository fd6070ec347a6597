// As under a renamed dependency: `session` is not at the root.
mod vendor {
    pub use ::session as web_session;
}

mod session {}

use vendor::web_session::{Session, SessionSchema};

#[derive(SessionSchema)]
#[session(crate = vendor::web_session)]
struct Visitor {
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
#[session(crate = "crate::vendor::web_session", accessors = "CartAccessors")]
struct Cart {
    #[session(default)]
    items: u64,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_user_id(7);
    assert_eq!(session.user_id(), Some(7));
    assert_eq!(session.schema::<Cart>().items(), 0);
}
