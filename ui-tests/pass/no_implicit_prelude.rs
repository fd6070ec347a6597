#![no_implicit_prelude]

#[derive(::session::SessionSchema)]
#[session(strict)]
struct Auth {
    #[session(alias = "role", privileged, secret, expires_in = "1h")]
    rights: ::std::option::Option<u64>,
}

#[derive(::session::SessionSchema)]
struct Visitor {
    #[session(flatten, prefix = "auth_")]
    auth: Auth,
    user_id: ::std::option::Option<u64>,
    #[session(default)]
    theme: ::std::string::String,
    #[session(flash, into)]
    notice: ::std::option::Option<::std::boxed::Box<str>>,
}

::session::compatible!(Visitor, Auth);

fn main() {
    let session = ::session::Session::new().schema::<Visitor>();
    session.set_user_id(7);
    session.auth().set_rights(1);
    session.set_theme("dark");
    session.flash_notice("Saved.");
    ::std::assert_eq!(session.user_id(), ::std::option::Option::Some(7));
    ::std::assert_eq!(session.theme(), "dark");
    ::std::assert_eq!(
        session.take_notice().as_deref(),
        ::std::option::Option::Some("Saved."),
    );
}
