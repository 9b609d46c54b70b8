//! Opt-outs, one row each.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Embedded;
use super::shell::{error, execute};
use crate::model::{Channel, Ms, NumberHash, Partition, TenantId};
use crate::store::{Consents, OptOut, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Consents for Embedded {
    async fn opt_out(&self, _: Partition, number: NumberHash, tenants: Vec<TenantId>, channel: Channel) -> Result<()> {
        const SQL: &str = "INSERT OR IGNORE INTO opt_out (number, tenant, channel, since) VALUES (?, ?, ?, ?)";
        self.writer
            .run(move |conn, now| {
                let refuse =
                    |tenant: &TenantId| execute(conn, SQL, params![number.0.0, tenant.0, channel.as_str(), now]);
                tenants.iter().try_for_each(refuse)
            })
            .await
    }

    async fn opt_in(
        &self,
        _: Partition,
        number: NumberHash,
        tenants: Option<Vec<TenantId>>,
        channel: Channel,
    ) -> Result<usize> {
        self.writer.run(move |conn, _| lift(conn, number, tenants.as_deref(), channel)).await
    }

    async fn opted_out(&self, _: Partition, number: NumberHash) -> Result<Vec<OptOut>> {
        self.writer.run(move |conn, _| opted_out(conn, number)).await
    }
}

fn lift(conn: &Connection, number: NumberHash, tenants: Option<&[TenantId]>, channel: Channel) -> Result<usize> {
    let delete = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        conn.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(error)
    };
    let (number, channel) = (number.0.0, channel.as_str());
    let Some(tenants) = tenants else {
        return delete("DELETE FROM opt_out WHERE number = ? AND channel = ?", &[&number, &channel]);
    };
    const ONE: &str = "DELETE FROM opt_out WHERE number = ? AND channel = ? AND tenant = ?";
    tenants.iter().try_fold(0, |lifted, tenant| Ok(lifted + delete(ONE, &[&number, &channel, &tenant.0])?))
}

fn opted_out(conn: &Connection, number: NumberHash) -> Result<Vec<OptOut>> {
    let rows: Vec<(String, String, Ms)> = conn
        .prepare_cached("SELECT tenant, channel, since FROM opt_out WHERE number = ?")
        .and_then(|mut statement| {
            let rows = statement.query_map([number.0.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect()
        })
        .map_err(error)?;
    let read = |(tenant, channel, since): (String, String, Ms)| {
        let channel = channel.parse().map_err(StoreError::unreadable)?;
        Ok(OptOut { tenant: TenantId(tenant), channel, since })
    };
    let mut all: Vec<OptOut> = rows.into_iter().map(read).collect::<Result<_>>()?;
    all.sort();
    Ok(all)
}
