use session::{Session, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(expires_in = "90s")]
    seconds: Option<u64>,
    #[session(default, expires_in = "10m")]
    minutes: u64,
    #[session(expires_in = "12h")]
    hours: Option<u64>,
    #[session(expires_in = "7d")]
    days: Option<u64>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_seconds(1);
    session.update_minutes(|minutes| *minutes += 1);
    assert_eq!((session.seconds(), session.minutes()), (Some(1), 1));
}
