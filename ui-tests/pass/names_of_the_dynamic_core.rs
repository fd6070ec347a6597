use session::{Session, SessionSchema};

// These are methods of the untyped session only, or private ones, so a schema may have them.
#[derive(SessionSchema)]
struct Visitor {
    get: Option<u64>,
    data: Option<u64>,
    keys: Option<u64>,
    new: Option<u64>,
    has: Option<u64>,
    flash: Option<u64>,
    handle: Option<u64>,
    // A flash value has no accessor of the bare name.
    #[session(flash)]
    id: Option<u64>,
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_get(1);
    session.set_data(2);
    session.set_keys(3);
    session.set_new(4);
    session.set_has(5);
    session.set_flash(6);
    session.set_handle(7);
    session.flash_id(8);
    let values = [
        session.get(),
        session.data(),
        session.keys(),
        session.new(),
        session.has(),
        session.flash(),
        session.handle(),
    ];
    assert_eq!(values, [1, 2, 3, 4, 5, 6, 7].map(Some));
    assert_eq!(session.take_id(), Some(8));
}
