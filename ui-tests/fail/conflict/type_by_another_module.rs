use session::SessionSchema;

mod hex {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        format!("{value:x}").serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

#[derive(SessionSchema)]
struct Visitor {
    color: Option<u32>,
}

#[derive(SessionSchema)]
struct Guest {
    #[session(with = "hex")]
    color: Option<u32>,
}

session::compatible!(Visitor, Guest);

fn main() {}
