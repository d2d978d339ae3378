//! One connection to one run of the server.

use std::time::Duration;

use redis::{Client, Connection, InfoDict, RedisError};

use super::super::PREFIX;
use super::unusable;
use crate::error::StoreError;

/// A connection to one run of the server.
pub(in crate::shared) struct Link {
    pub(in crate::shared) connection: Connection,
    /// The name under which the beginning of its memory is kept.
    pub(in crate::shared) began: String,
}

impl Link {
    pub(super) fn open(client: &Client, connect: Duration, timeout: Duration) -> Result<Self, StoreError> {
        let failed = |error: RedisError| unusable(error.category());
        let mut connection = client.get_connection_with_timeout(connect.max(timeout)).map_err(failed)?;
        connection.set_read_timeout(Some(connect.max(timeout))).map_err(failed)?;
        connection.set_write_timeout(Some(timeout)).map_err(failed)?;
        let info: InfoDict = redis::cmd("INFO").query(&mut connection).map_err(failed)?;
        let told = |name: &str| info.get::<String>(name).ok_or_else(|| unusable("it does not tell what it is"));
        if told("role")? != "master" {
            return Err(unusable("it is a replica"));
        }
        if told("maxmemory_policy")? != "noeviction" {
            return Err(unusable("it may evict keys: set maxmemory-policy to noeviction"));
        }
        let began = format!("{PREFIX}:began:{}:{}", told("run_id")?, told("master_replid")?);
        connection.set_read_timeout(Some(timeout)).map_err(failed)?;
        Ok(Self { connection, began })
    }
}
