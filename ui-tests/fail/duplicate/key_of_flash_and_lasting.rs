use session::SessionSchema;

#[derive(SessionSchema)]
struct Visitor {
    notice: Option<String>,
    #[session(flash, rename = "notice")]
    flash: Option<String>,
}

fn main() {}
