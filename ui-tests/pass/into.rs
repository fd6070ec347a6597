use session::{Session, SessionSchema};

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct UserId(u64);

impl From<u64> for UserId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(into)]
    user_id: Option<UserId>,
    #[session(into, default = "Jo".into())]
    name: Box<str>,
    #[session(flash, into)]
    last_seen: Option<UserId>,
    // `String` needs no attribute, by whatever path it is written.
    title: Option<std::string::String>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_user_id(7);
    session.set_user_id(UserId(8));
    assert_eq!(session.user_id(), Some(UserId(8)));

    assert_eq!(&*session.name(), "Jo");
    session.set_name("Amy");
    assert_eq!(&*session.name(), "Amy");

    session.flash_last_seen(9);
    assert_eq!(session.take_last_seen(), Some(UserId(9)));

    session.set_title("Emma");
    session.set_title('E');
    assert_eq!(session.title().as_deref(), Some("E"));
}
