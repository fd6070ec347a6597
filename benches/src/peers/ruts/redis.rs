//! ruts on a Redis that lacks `HEXPIRE`, which came with 7.4 and is not in every distribution yet.

use std::marker::PhantomData;
use std::sync::Arc;

use fred::clients::Client;
use fred::types::scripts::Script;
use ruts::Id;
use ruts::store::redis::RedisStore;
use ruts::store::{Error, SessionMap, SessionStore, Ttl, serialize_value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Its own store, but for the write: the same script with `EXPIRE` on the session where it has `HEXPIRE` on the field.
#[derive(Clone)]
pub(super) struct Redis {
    own: RedisStore<Client>,
    client: Client,
    set: Script,
}

impl Redis {
    pub(super) async fn new(client: Client) -> Self {
        let set = Script::from_lua(
            "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) redis.call('EXPIRE', KEYS[1], ARGV[3]) return 1",
        );
        set.load(&client).await.expect("the server takes scripts");
        let own = RedisStore::new(Arc::new(client.clone())).await;
        Self {
            own: own.expect("the server takes scripts"),
            client,
            set,
        }
    }
}

impl SessionStore for Redis {
    async fn get<T>(&self, id: &Id, field: &str) -> Result<Option<T>, Error>
    where
        T: Send + Sync + DeserializeOwned,
    {
        self.own.get(id, field).await
    }

    async fn get_all(&self, id: &Id) -> Result<Option<SessionMap>, Error> {
        self.own.get_all(id).await
    }

    async fn set<T>(
        &self,
        id: &Id,
        field: &str,
        value: &T,
        ttl: Ttl,
        _: Option<PhantomData<()>>,
    ) -> Result<(), Error>
    where
        T: Send + Sync + Serialize,
    {
        let value = serialize_value(value)?;
        let arguments = (field, value.as_slice(), i64::from(ttl));
        Ok(self.set.evalsha(&self.client, vec![id], arguments).await?)
    }

    async fn set_and_rename<T>(
        &self,
        old: &Id,
        new: &Id,
        field: &str,
        value: &T,
        ttl: Ttl,
        unused: Option<PhantomData<()>>,
    ) -> Result<(), Error>
    where
        T: Send + Sync + Serialize,
    {
        self.own
            .set_and_rename(old, new, field, value, ttl, unused)
            .await
    }

    async fn rename_session_id(&self, old: &Id, new: &Id) -> Result<bool, Error> {
        self.own.rename_session_id(old, new).await
    }

    async fn remove(&self, id: &Id, field: &str) -> Result<bool, Error> {
        self.own.remove(id, field).await
    }

    async fn delete(&self, id: &Id) -> Result<bool, Error> {
        self.own.delete(id).await
    }

    async fn expire_field(&self, id: &Id, field: &str, ttl: Ttl) -> Result<bool, Error> {
        self.own.expire_field(id, field, ttl).await
    }
}
