#![deny(warnings)]

use session::{Session, SessionSchema};

fn visits(session: &Session) -> u64 {
    #[derive(serde::Serialize, serde::Deserialize, Default)]
    struct Visits(u64);

    #[derive(SessionSchema)]
    struct Counter {
        #[session(default)]
        visits: Visits,
    }

    let session = session.schema::<Counter>();
    session.update_visits(|visits| visits.0 += 1);
    session.visits().0
}

fn main() {
    let session = Session::new();
    assert_eq!(visits(&session), 1);
    assert_eq!(visits(&session), 2);
}
