use session::SessionSchema;

mod old {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Theme(u8);
}

mod new {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Theme(u64);
}

#[derive(SessionSchema)]
struct Visitor {
    theme: Option<old::Theme>,
}

#[derive(SessionSchema)]
struct Guest {
    theme: Option<new::Theme>,
}

session::compatible!(Visitor, Guest);

fn main() {}
