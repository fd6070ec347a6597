//! `with`: a module of the user's writes and reads the value.

use serde_json::json;
use session::{Session, SessionSchema};

use crate::World;

/// No serde at all.
#[derive(Debug, PartialEq, Clone, Copy)]
struct Color(u32);

mod hex {
    #![allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes what it writes by reference"
    )]

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Color;

    pub(super) fn serialize<S: Serializer>(
        color: &Color,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:06x}", color.0))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Color, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16)
            .map(Color)
            .map_err(D::Error::custom)
    }
}

#[derive(SessionSchema)]
struct Look {
    #[session(with = "hex")]
    ink: Option<Color>,
    #[session(with = "hex", default = Color(0xff_ff_ff))]
    paper: Color,
    #[session(with = "hex", flash)]
    highlight: Option<Color>,
}

#[tokio::test]
async fn values_are_written_and_read_by_the_module() {
    let mut world = World::new();
    world
        .request(|session: &Session<Look>| {
            assert_eq!(session.paper(), Color(0xff_ff_ff));
            session.set_ink(Color(0x12));
            session.update_paper(|paper| paper.0 -= 1);
            session.flash_highlight(Color(0xff));
        })
        .await;
    let session = world.open::<Look>().await;
    assert_eq!(
        session.untyped().data(),
        json!({ "ink": "000012", "paper": "fffffe", "highlight": "0000ff" })
    );
    assert_eq!(session.ink(), Some(Color(0x12)));
    assert_eq!(session.take_highlight(), Some(Color(0xff)));
    session.untyped().set("ink", "no color");
    assert_eq!(session.ink(), None);
}
