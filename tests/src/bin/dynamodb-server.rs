//! A server that speaks as DynamoDB does, with the table of the sessions: `dynamodb-server PORT`. It keeps it in a file of the
//! folder that it is started in.

use std::error::Error;
use std::net::Ipv4Addr;

use dynoxide::{Database, server};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args()
        .nth(1)
        .ok_or("usage: dynamodb-server PORT")?;
    let database = Database::new("dynamodb.sqlite")?;
    tests::dynamodb::make_table(&database)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    server::serve_on(listener, database).await;
    Ok(())
}
