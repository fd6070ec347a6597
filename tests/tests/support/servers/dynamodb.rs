use std::net::{Ipv4Addr, TcpStream};
use std::ops::{Deref, DerefMut};
use std::process::Command;

use ::tests::dynamodb::{TABLE, Wire, config};
use aws_sdk_dynamodb::Client;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::port::Port;
use super::server::{Kind, Server, folder};

const KIND: Kind = Kind {
    url: ::tests::dynamodb::url,
    answers: |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(),
    end: "KILL",
};

/// A server that speaks as DynamoDB does, with a table for sessions. Started again, it has what it had.
pub(crate) struct DynamoDb(Server);

impl DynamoDb {
    pub(crate) fn start() -> Self {
        let (port, folder) = (Port::reserve(), folder());
        let mut command = Command::new(env!("CARGO_BIN_EXE_dynamodb-server"));
        command.arg(port.number.to_string());
        Self(Server::start(&KIND, command, port, folder))
    }

    /// A client beside the storage.
    pub(crate) fn client(&self) -> Client {
        let endpoint = format!("http://127.0.0.1:{}", self.port());
        Client::from_conf(config(Wire::default()).endpoint_url(endpoint).build())
    }

    /// All that it stores, as it gives it out.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let scan = self.client().scan().table_name(TABLE).send();
        let answer = block_in_place(|| Handle::current().block_on(scan).unwrap());
        format!("{:?}", answer.items()).into_bytes()
    }
}

impl Deref for DynamoDb {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for DynamoDb {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::DynamoDb;
    use crate::support::servers::server::tests::assert_ends_with_the_test;

    #[test]
    fn dynamodb_ends_with_the_test() {
        assert_ends_with_the_test(DynamoDb::start);
    }
}
