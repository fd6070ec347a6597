//! Real servers, each a child process of the test that starts it: a folder and a port of its own, ended with the test.
//!
//! They are asked without the drivers that the library uses, so that a test sees what is stored, not what a driver says.

pub(crate) mod cluster;
pub(crate) mod dynamodb;
mod guard;
pub(crate) mod mariadb;
pub(crate) mod memcached;
mod port;
pub(crate) mod postgres;
mod program;
pub(crate) mod redis;
pub(crate) mod server;
mod template;
