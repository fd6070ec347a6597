use session::{Session, SessionSchema};

mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

#[derive(SessionSchema)]
struct Visitor {
    #[session(with = "hex")]
    ink: Option<u32>,
    #[session(default = 0xff, with = hex)]
    paper: u32,
    #[session(flash, with = "self::hex")]
    highlight: Option<u32>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_ink(0x2a);
    session.update_paper(|paper| *paper -= 1);
    session.flash_highlight(1);
    assert_eq!((session.ink(), session.paper()), (Some(0x2a), 0xfe));
    assert_eq!(
        session.untyped().data().to_string(),
        r#"{"highlight":"1","ink":"2a","paper":"fe"}"#
    );
}
