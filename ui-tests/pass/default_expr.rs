use session::{Session, SessionSchema};

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Theme {
    Light,
    Dark,
}

const LIMIT: u32 = 10;

fn pair<A: Default, B: Default>() -> (A, B) {
    <(A, B)>::default()
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(default = Theme::Light)]
    theme: Theme,
    #[session(default = "en".to_owned())]
    language: String,
    #[session(default = pair::<u8, u16>(), rename = "p")]
    pair: (u8, u16),
    #[session(default = [1, 2])]
    array: [u8; 2],
    #[session(default = if LIMIT > 5 { LIMIT } else { 5 }, rename = "page_size")]
    limit: u32,
    #[session(default = Some(1))]
    step: Option<u32>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    assert_eq!(session.theme(), Theme::Light);
    assert_eq!(session.language(), "en");
    assert_eq!(session.pair(), (0, 0));
    assert_eq!(session.array(), [1, 2]);
    assert_eq!(session.limit(), 10);
    assert_eq!(session.step(), Some(1));

    session.set_theme(Theme::Dark);
    assert_eq!(session.theme(), Theme::Dark);
    session.update_limit(|limit| *limit += 1);
    assert_eq!(session.limit(), 11);
    session.unset_limit();
    assert_eq!(session.limit(), 10);
    assert_eq!(
        Visitor::KEYS,
        ["theme", "language", "p", "array", "page_size", "step"]
    );
}
