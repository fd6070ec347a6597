//! What storages do with the model's sessions.

use super::model::{Data, Name, Request, Sent, SessionNumber};

/// Seconds. Everything that happens to the clock is a multiple of a tenth of `IDLE`, so that each use of a session after
/// the clock has moved is worth writing.
pub(super) const IDLE: u64 = 1000;
pub(super) const ABSOLUTE: u64 = 3000;

/// A storage as its users may rely on it.
pub(super) trait World: Default {
    /// The session that a cookie opens now, if any, and when it expires.
    fn read(&self, name: Name, now: u64) -> Option<(Request, u64)>;

    fn commit(&mut self, request: &mut Request, now: u64);

    fn open(&self, cookie: Cookie, now: u64) -> Request {
        match cookie {
            Cookie::None => Request::new(false, now),
            Cookie::Worthless => Request::new(true, now),
            Cookie::Named(name) => match self.read(name, now) {
                Some((request, _)) => request,
                None => Request::new(true, now),
            },
        }
    }
}

/// What a request comes with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cookie {
    None,
    Worthless,
    Named(Name),
}

fn deadline(created: u64, now: u64) -> u64 {
    (now + IDLE).min(created + ABSOLUTE)
}

/// A storage on the server: the cookie is a name, and the session is one for all requests.
#[derive(Debug, Default)]
pub(super) struct Server {
    sessions: Vec<Stored>,
    names: Vec<Named>,
}

#[derive(Debug)]
struct Stored {
    data: Data,
    created: u64,
    expires: u64,
    name: Name,
    is_destroyed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Named {
    Current(SessionNumber),
    /// Opens what the other name opens, as long as the old one is honoured.
    Replaced {
        by: Name,
        until: u64,
    },
}

impl World for Server {
    fn read(&self, mut name: Name, now: u64) -> Option<(Request, u64)> {
        let asked = name;
        loop {
            match self.names[name] {
                Named::Current(number) => {
                    let session = &self.sessions[number];
                    let mut request = Request::on(&session.data, session.created, number, name);
                    request.resend = name != asked;
                    request.seen_expires = session.expires;
                    return session.is_live(now).then_some((request, session.expires));
                }
                Named::Replaced { by, until } if now < until => name = by,
                Named::Replaced { .. } => return None,
            }
        }
    }

    fn commit(&mut self, request: &mut Request, now: u64) {
        for number in request.doomed.drain(..) {
            self.sessions[number].is_destroyed = true;
        }
        if std::mem::take(&mut request.removal_due) {
            request.sent = Sent::Removal;
        }
        if request.is_orphaned {
            return request.forget();
        }
        let Some(number) = request.session else {
            return self.create(request, now);
        };
        if !self.sessions[number].is_live(now) {
            request.is_orphaned = true;
            return request.forget();
        }
        let current = self.sessions[number].name;
        let is_known = self.leads(request.name, current, now);
        let session = &mut self.sessions[number];
        let is_used_later = request.seen_expires != deadline(session.created, now);
        let writes = request.is_dirty || request.rotation.is_some();
        if !writes && !is_used_later && !request.resend {
            return request.forget();
        }
        // Looking at a session counts as its use, unless it has moved on to an id that the request has not seen.
        if writes || request.seen_as == Some(current) {
            session.expires = deadline(session.created, now);
        }
        if writes || request.seen_as != Some(current) {
            request.replay_on(&mut session.data);
            request.settle_on(&session.data, current);
        }
        request.seen_expires = session.expires;

        let grace = request.rotation.take();
        // Who would keep the old id open takes the id that another request has replaced it by.
        let grace = grace.filter(|&grace| grace == 0 || request.name == Some(current));
        if let Some(grace) = grace {
            let until = if grace > 0 { now + grace } else { 0 };
            let by = self.names.len();
            self.names.push(Named::Current(number));
            self.names[current] = Named::Replaced { by, until };
            self.sessions[number].name = by;
            request.name = Some(by);
            request.seen_as = Some(by);
            request.sent = Sent::Cookie(by);
        } else if is_known {
            if request.resend || request.name != Some(current) {
                request.sent = Sent::Cookie(current);
            } else if request.sent == Sent::Nothing {
                request.sent = Sent::Perhaps(current);
            }
            request.name = Some(current);
        }
        request.forget();
    }
}

impl Server {
    fn create(&mut self, request: &mut Request, now: u64) {
        if request.view.is_empty() {
            return;
        }
        let (number, name) = (self.sessions.len(), self.names.len());
        self.names.push(Named::Current(number));
        self.sessions.push(Stored {
            data: request.view.clone(),
            created: request.created,
            expires: deadline(request.created, now),
            name,
            is_destroyed: false,
        });
        request.session = Some(number);
        request.name = Some(name);
        request.seen_expires = deadline(request.created, now);
        request.sent = Sent::Cookie(name);
        request.settle_on(&request.view.clone(), name);
        request.forget();
    }

    /// Whether the one name opens what the other does. If not, the other one is for whoever made it to send.
    fn leads(&self, from: Option<Name>, to: Name, now: u64) -> bool {
        let Some(mut name) = from else { return false };
        while name != to {
            match self.names[name] {
                Named::Replaced { by, until } if now < until => name = by,
                _ => return false,
            }
        }
        true
    }
}

impl Stored {
    fn is_live(&self, now: u64) -> bool {
        !self.is_destroyed && now < self.expires
    }
}

/// A storage in the cookie: each cookie is a session of its own, and nothing takes it back.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    cookies: Vec<Snapshot>,
}

#[derive(Debug)]
struct Snapshot {
    data: Data,
    created: u64,
    expires: u64,
}

impl World for Sealed {
    fn read(&self, name: Name, now: u64) -> Option<(Request, u64)> {
        let Snapshot {
            data,
            created,
            expires,
        } = &self.cookies[name];
        (now < *expires).then(|| (Request::on(data, *created, name, name), *expires))
    }

    fn commit(&mut self, request: &mut Request, now: u64) {
        request.doomed.clear();
        if std::mem::take(&mut request.removal_due) {
            request.sent = Sent::Removal;
        }
        let expires = deadline(request.created, now);
        // It has come to its absolute limit under way.
        request.is_orphaned |= request.name.is_some() && expires <= now;
        if request.is_orphaned {
            return request.forget();
        }
        let mut data = request.base.clone();
        request.replay_on(&mut data);
        let is_due = match request.name {
            Some(name) => {
                let was_used = self.cookies[name].expires != expires;
                request.is_dirty || request.rotation.is_some() || was_used
            }
            None => !data.is_empty(),
        };
        if is_due {
            let name = self.cookies.len();
            let created = request.created;
            self.cookies.push(Snapshot {
                data: data.clone(),
                created,
                expires,
            });
            request.session = Some(name);
            request.name = Some(name);
            request.sent = Sent::Cookie(name);
            request.settle_on(&data, name);
            request.forget();
        }
    }
}
