use session::{Session, SessionSchema};

#[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Theme(u8);

mod shop {
    #[derive(session::SessionSchema)]
    pub struct Shop {
        #[session(default)]
        pub cart: Vec<u64>,
    }
}

// Every token may come from the caller of the macro, or from the macro itself.
macro_rules! schema {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($field:ident : $ty:ty = $default:expr),* $(,)?
        }
        optional $optional:ident : $whole:ty, $inner:ty;
        key $key:literal, once $former:literal, for $time:literal;
        nested $nested:ident : $schema:ty, $prefix:literal
    ) => {
        $(#[$meta])*
        #[derive(SessionSchema)]
        $vis struct $name {
            $(#[session(default = $default)] $field: $ty,)*
            $optional: $whole,
            #[session(rename = $key, alias = $former, expires_in = $time)]
            own: Option<$inner>,
            #[session(flatten, prefix = $prefix)]
            $nested: $schema,
            #[session(flash)]
            notice: Option<String>,
        }
    };
}

schema! {
    /// A visitor.
    pub struct Visitor {
        theme: Theme = Theme(1),
        language: String = "en".to_owned(),
    }
    optional user_id: Option<u64>, Theme;
    key "own-key", once "former-key", for "1h";
    nested shop: shop::Shop, "shop-"
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    assert_eq!(session.theme(), Theme(1));
    session.set_language("de");
    assert_eq!(session.language(), "de");
    session.set_user_id(7);
    assert_eq!(session.user_id(), Some(7));
    session.shop().update_cart(|cart| cart.push(1));
    assert_eq!(session.shop().cart(), [1]);
    session.set_own(Theme(2));
    session.update_own(|own| *own = None);
    assert_eq!(session.own(), None);
    session.flash_notice("Saved.");
    assert_eq!(session.take_notice().as_deref(), Some("Saved."));
    assert_eq!(
        Visitor::KEYS,
        ["theme", "language", "user_id", "own-key", "shop-cart", "notice"]
    );
}
