use session::SessionSchema;

macro_rules! keys {
    ($case:literal) => {{
        #[derive(SessionSchema)]
        #[session(rename_all = $case)]
        struct Visitor {
            user_id: Option<u64>,
            #[session(rename = "kept_as_it_is")]
            theme: Option<String>,
        }
        let [user_id, "kept_as_it_is"] = Visitor::KEYS else {
            panic!("two keys, the second by `rename`");
        };
        *user_id
    }};
}

fn main() {
    assert_eq!(keys!("lowercase"), "user_id");
    assert_eq!(keys!("UPPERCASE"), "USER_ID");
    assert_eq!(keys!("PascalCase"), "UserId");
    assert_eq!(keys!("camelCase"), "userId");
    assert_eq!(keys!("snake_case"), "user_id");
    assert_eq!(keys!("SCREAMING_SNAKE_CASE"), "USER_ID");
    assert_eq!(keys!("kebab-case"), "user-id");
    assert_eq!(keys!("SCREAMING-KEBAB-CASE"), "USER-ID");
}
