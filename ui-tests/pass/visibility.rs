mod account {
    use session::{Session, SessionSchema};

    #[derive(SessionSchema)]
    pub struct Visitor {
        pub user_id: Option<u64>,
        pub(crate) theme: Option<String>,
        pub(super) language: Option<String>,
        // Only this module and those inside call these.
        visits: Option<Visits>,
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Visits(u64);

    pub fn visit(session: &Session<Visitor>) -> u64 {
        let visits = session.visits().map_or(1, |visits| visits.0 + 1);
        inner::set(session, visits);
        visits
    }

    mod inner {
        pub(super) fn set(session: &session::Session<super::Visitor>, visits: u64) {
            session.set_visits(super::Visits(visits));
        }
    }
}

use session::Session;

fn main() {
    let session: Session<account::Visitor> = Session::new().schema();
    session.set_user_id(7);
    session.set_theme("dark");
    session.set_language("en");
    assert_eq!(account::visit(&session), 1);
    assert_eq!(account::visit(&session), 2);
    let _: &account::VisitorSession = &session;
}
