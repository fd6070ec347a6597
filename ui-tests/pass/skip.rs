use session::{Session, SessionSchema};

// What is skipped needs no serde, no default and no `'static` of its own.
#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
    #[session(skip)]
    marker: std::marker::PhantomData<*const u8>,
    #[session(skip)]
    id: &'static str,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_user_id(7);
    assert_eq!(Visitor::KEYS, ["user_id"]);
}
