//! How a request ends, and what is left to a session after its response.

use std::future::Future;
use std::pin::Pin;

use http::HeaderValue;

use crate::error::{Chain, Error};
use crate::manager::Sessions;
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::state::{CommitTurn, CookieUpdate, Headers, State};
use crate::storage::SessionStorage;

/// What the end of a request comes to: whether the session is committed, and the Set-Cookie field.
pub(crate) type Finished = (Result<(), Error>, Option<HeaderValue>);

pub(crate) type Finish = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// A session whose response is about to leave. However that ends, the browser can be told nothing more afterwards.
pub(crate) struct Leaving(pub(crate) Session);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.handle().state().headers = Headers::Sent;
    }
}

impl Sessions {
    /// Ends a request whose handler has failed: drops what is not stored, and carries out a destruction alone.
    ///
    /// Gives the Set-Cookie field that the response is to carry, if any: the removal of what was destroyed, and what an
    /// earlier [`Session::commit`] of the handler's calls for.
    ///
    /// # Errors
    ///
    /// As [`destroy`](Self::destroy).
    pub async fn abandon<S: SessionSchema>(
        &self,
        session: &Session<S>,
    ) -> Result<Option<HeaderValue>, Error> {
        let handle = session.handle();
        handle.settle(&self.context);
        let _turn = handle.turn().await;
        handle.state().abandon();
        if session.is_dirty() {
            self.context
                .save_in(&self.context.0.storage, &session.untyped())
                .await?;
        }
        self.context.take_set_cookie(handle)
    }

    /// Says that the response has left, without what a later commit would have it carry.
    ///
    /// From then on [`Session::commit`] and [`commit`](Self::commit) store what calls for no new cookie, and fail by
    /// [`Error::HeadersSent`] where one would be needed; changes that are never committed are logged when the last handle is
    /// dropped. Call it after the response's own commit when a stream or a task keeps a clone of the session. The framework
    /// integrations do it by themselves.
    pub fn headers_sent<S: SessionSchema>(&self, session: &Session<S>) {
        session.handle().state().headers = Headers::Sent;
    }

    /// Ends a request whose handler has done well, if that needs no waiting: its session was only read, and the activity need
    /// not be written yet, or the storage writes at once what has changed. Else the request is still to be
    /// [finished](Self::finish).
    pub(crate) fn finish_at_once(&self, session: &Session) -> Option<Finished> {
        let handle = session.handle();
        if let Some(finished) = self.settle(&mut handle.state()) {
            return Some(finished);
        }
        // The clock may be the user's code, so it is read outside of the lock.
        let now = self.context.now_unix();
        let mut state = handle.state();
        if state.turn == CommitTurn::Taken {
            return None;
        }
        let storage = &self.context.0.storage;
        let saved = storage.__save_at_once(&mut state, &self.context, now)?;
        let finished = self.leave(&mut state, saved);
        drop(state);
        report(&finished);
        Some(finished)
    }

    fn settle(&self, state: &mut State) -> Option<Finished> {
        // A commit that is under way in a task of the handler's has yet to leave its cookie.
        let is_free = state.turn == CommitTurn::Free;
        let is_settled = is_free && state.is_settled(self.context.expiry());
        is_settled.then(|| {
            state.headers = Headers::Sent;
            (Ok(()), None)
        })
    }

    /// Ends a request: commits the session, or, after a handler that failed, carries out a destruction alone.
    ///
    /// The Set-Cookie field stands beside the outcome: also a failed response tells the browser what has been done.
    pub(crate) fn finish(&self, session: Session, handler_failed: bool) -> Finish {
        let storage = &self.context.0.storage;
        storage.finish(self.clone(), Leaving(session), handler_failed)
    }

    /// [`finish`](Self::finish), over the storage itself.
    pub(crate) async fn finish_in(
        &self,
        storage: &impl SessionStorage,
        session: &Session,
        handler_failed: bool,
    ) -> Finished {
        let handle = session.handle();
        // Until the cookie is taken: a commit of a task of the handler's leaves its own before, or finds the headers sent.
        let turn = handle.turn().await;
        if handler_failed {
            handle.state().abandon();
        }
        let is_idle = handler_failed && !session.is_dirty();
        let saved = if is_idle {
            Ok(CookieUpdate::Keep)
        } else {
            storage.save(session, &self.context).await
        };
        let mut state = handle.state();
        let finished = self.leave(&mut state, saved);
        turn.end(state);
        report(&finished);
        finished
    }

    /// What a response leaves with, after a commit that came to that.
    fn leave(&self, state: &mut State, saved: Result<CookieUpdate, Error>) -> Finished {
        if let (Ok(CookieUpdate::Keep), CookieUpdate::Keep) = (&saved, &state.cookie_due) {
            state.headers = Headers::Sent;
            return (Ok(()), None);
        }
        let mut outcome = saved.and_then(|update| state.take_in(update));
        let due = std::mem::take(&mut state.cookie_due);
        let set_cookie = self.context.set_cookie(due).unwrap_or_else(|error| {
            outcome = Err(error);
            None
        });
        state.headers = Headers::Sent;
        if outcome.is_err() {
            state.give_up();
        }
        (outcome, set_cookie)
    }
}

fn report((outcome, _): &Finished) {
    if let Err(error) = outcome {
        tracing::error!(error = %Chain(error), "session could not be committed");
    }
}
