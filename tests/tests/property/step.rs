use proptest::prelude::*;

use super::model::Key;

/// Few, so that requests meet on them.
pub(super) const KEYS: [Key; 3] = ["a", "b", "c"];
/// How many requests can be open at once.
pub(super) const REQUESTS: usize = 4;

/// What can happen. Every step can be done at any time, so that a list of them shrinks by leaving some out.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A request comes; one that is under way in its place fails.
    Open(usize, Pick),
    /// The handler does something. A request that has not come yet comes with the browser's cookie.
    Act(usize, Action),
    /// The handler commits, and goes on.
    Commit(usize),
    /// The handler is done: what it did is committed, and the response goes to the browser.
    End(usize),
    /// The handler fails.
    Drop(usize),
    Wait(u64),
}

/// The cookie that a request comes with.
#[derive(Debug, Clone)]
pub(super) enum Pick {
    None,
    Forged,
    /// What the browser has.
    Latest,
    /// One of all that were ever sent, counted round.
    Known(usize),
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    Get(Key),
    Peek(Key),
    Has(Key),
    Set(Key),
    Unset(Key),
    Update(Key),
    Flash(Key),
    FlashNext(Key),
    Keep(Key),
    Clear,
    Destroy,
    RegenerateId,
    RegenerateIdKeepingOld(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let request = 0..REQUESTS;
    prop_oneof![
        2 => (request.clone(), pick()).prop_map(|(request, pick)| Step::Open(request, pick)),
        12 => (request.clone(), action()).prop_map(|(request, action)| Step::Act(request, action)),
        1 => request.clone().prop_map(Step::Commit),
        4 => request.clone().prop_map(Step::End),
        1 => request.prop_map(Step::Drop),
        1 => prop::sample::select(vec![100, 300, 900]).prop_map(Step::Wait),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        6 => Just(Pick::Latest),
        3 => (0..64_usize).prop_map(Pick::Known),
        1 => Just(Pick::None),
        1 => Just(Pick::Forged),
    ]
}

pub(super) fn action() -> impl Strategy<Value = Action> {
    let key = prop::sample::select(&KEYS[..]);
    prop_oneof![
        3 => key.clone().prop_map(Action::Get),
        1 => key.clone().prop_map(Action::Peek),
        1 => key.clone().prop_map(Action::Has),
        3 => key.clone().prop_map(Action::Set),
        2 => key.clone().prop_map(Action::Unset),
        3 => key.clone().prop_map(Action::Update),
        2 => key.clone().prop_map(Action::Flash),
        2 => key.clone().prop_map(Action::FlashNext),
        2 => key.prop_map(Action::Keep),
        1 => Just(Action::Clear),
        1 => Just(Action::Destroy),
        1 => Just(Action::RegenerateId),
        1 => prop::sample::select(vec![200, 500]).prop_map(Action::RegenerateIdKeepingOld),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..60)
}
