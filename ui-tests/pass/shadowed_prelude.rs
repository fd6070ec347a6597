#![allow(non_camel_case_types, dead_code)]

mod app {
    use session::{Session, SessionSchema};

    pub struct Option;
    pub struct Result;
    pub struct String;
    pub struct Vec;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Box;
    pub struct bool;
    pub struct str;
    pub trait Fn {}
    pub trait Send {}
    pub trait Into {}
    pub trait Clone {}
    pub trait Default {}
    pub mod core {}
    pub mod std {}

    #[derive(SessionSchema)]
    #[session(prefix = "a_")]
    pub struct Inner {
        #[session(alias = "b", privileged, secret, expires_in = "1h")]
        a: ::core::option::Option<u64>,
    }

    #[derive(SessionSchema)]
    #[session(strict)]
    pub struct Visitor {
        #[session(flatten)]
        inner: Inner,
        user_id: ::core::option::Option<u64>,
        #[session(default)]
        cart: ::std::vec::Vec<u64>,
        #[session(default = 3)]
        tries: u64,
        #[session(flash)]
        notice: ::std::option::Option<::std::string::String>,
    }

    pub fn run() {
        let session = Session::new().schema::<Visitor>();
        session.set_user_id(7);
        session.inner().set_a(1);
        session.update_cart(|cart| cart.push(session_value()));
        session.update_user_id(|_| {});
        session.update_tries(|tries| *tries += 1);
        session.flash_notice("Saved.");
        assert_eq!(session.user_id(), ::core::option::Option::Some(7));
        assert_eq!(session.cart(), [1]);
        assert_eq!(session.tries(), 4);
        assert_eq!(
            session.take_notice().as_deref(),
            ::core::option::Option::Some("Saved.")
        );
    }

    fn session_value() -> u64 {
        1
    }
}

fn main() {
    app::run();
}
