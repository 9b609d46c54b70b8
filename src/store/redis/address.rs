//! `store.url` in its four forms, and a connection to what it names.
//!
//! ```text
//! redis://[user:password@]host[:port][/db]                     one server
//! redis-sentinel://[…@]host:port,host:port/master-name[/db]    the master that Sentinels name
//! redis-cluster://[…@]host:port,host:port                      a cluster, by some of its nodes
//! ```
//! With `rediss` in place of `redis` everything is TLS.

use std::time::Duration;

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, RedisResult,
    TlsCertificates, TlsMode,
};

use crate::store::StoreError;

/// Longest wait for a connection, and for one answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Longest wait for Sentinels while there is a connection.
const LOOK: Duration = Duration::from_millis(200);

/// What to connect to.
pub enum Target {
    One(Client),
    Sentinel(tokio::sync::Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

/// A connection that many calls share. Cloning shares it.
#[derive(Clone)]
pub enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The parts of a URL.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    form: Form,
    is_tls: bool,
    /// `user:password@`, as it stands there.
    login: &'a str,
    hosts: Vec<(String, u16)>,
    master: &'a str,
    db: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    One,
    Sentinel,
    Cluster,
}

fn wrong(what: impl std::fmt::Display) -> StoreError {
    // Never the URL itself: a password may stand in it.
    StoreError::Misconfigured(format!(
        "store.url {what}; write redis://host:6379, redis-sentinel://host:26379,host:26379/master-name \
         or redis-cluster://host:6379,host:6379 (rediss… for TLS)"
    ))
}

fn parts(url: &str) -> Result<Parts<'_>, StoreError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    let (name, is_tls) = match scheme.strip_prefix("rediss") {
        Some(name) => (name, true),
        None => (scheme.strip_prefix("redis").ok_or_else(|| wrong("has an unknown scheme"))?, false),
    };
    let form = match name {
        "" => Form::One,
        "-sentinel" => Form::Sentinel,
        "-cluster" => Form::Cluster,
        _ => return Err(wrong("has an unknown scheme")),
    };
    let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let usual = if form == Form::Sentinel { 26379 } else { 6379 };
    let hosts = hosts.split(',').map(|host| address(host, usual)).collect::<Option<Vec<_>>>();
    let hosts = hosts.ok_or_else(|| wrong("names no host, or a port that is none"))?;
    let (master, db) = match form {
        Form::Sentinel => path.split_once('/').unwrap_or((path, "")),
        Form::One | Form::Cluster => ("", path),
    };
    if form == Form::Sentinel && master.is_empty() {
        return Err(wrong("needs the master's name after the hosts"));
    }
    if form == Form::One && hosts.len() > 1 {
        return Err(wrong("names several hosts, which only redis-sentinel:// and redis-cluster:// do"));
    }
    let db = if db.is_empty() { 0 } else { db.parse().map_err(|_| wrong("has a database that is no number"))? };
    Ok(Parts { form, is_tls, login, hosts, master, db })
}

fn address(text: &str, usual: u16) -> Option<(String, u16)> {
    // An IPv6 address stands in brackets.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// Reads a URL. `ca` is a PEM bundle to trust instead of the system's.
pub fn target(url: &str, ca: Option<Vec<u8>>) -> Result<Target, StoreError> {
    let parts = parts(url)?;
    if parts.is_tls {
        // The one TLS stack of this program; an earlier choice stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    build(&parts, ca).map_err(|error| wrong(format_args!("cannot be used ({error})")))
}

fn build(parts: &Parts, ca: Option<Vec<u8>>) -> RedisResult<Target> {
    let certificates = || TlsCertificates { client_tls: None, root_cert: ca.clone() };
    let info = |(host, port): &(String, u16)| -> RedisResult<ConnectionInfo> {
        let scheme = if parts.is_tls { "rediss" } else { "redis" };
        let login = if parts.login.is_empty() { String::new() } else { format!("{}@", parts.login) };
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("{scheme}://{login}{host}:{port}/{}", parts.db).into_connection_info()
    };
    let infos = parts.hosts.iter().map(info).collect::<RedisResult<Vec<_>>>()?;
    match parts.form {
        Form::One => {
            let info = infos.into_iter().next().ok_or(no_host())?;
            Ok(Target::One(if ca.is_some() && parts.is_tls {
                Client::build_with_tls(info, certificates())?
            } else {
                Client::open(info)?
            }))
        }
        Form::Cluster => {
            let mut builder = ClusterClientBuilder::new(infos)
                .connection_timeout(ANSWER)
                .response_timeout(ANSWER)
                .overall_response_timeout(Some(ANSWER + ANSWER / 2))
                .retries(3)
                .min_retry_wait(20)
                .max_retry_wait(200);
            if parts.is_tls {
                builder = builder.tls(TlsMode::Secure);
                if ca.is_some() {
                    builder = builder.certs(certificates());
                }
            }
            builder.build().map(Target::Cluster)
        }
        Form::Sentinel => {
            let redis = infos.first().ok_or(no_host())?.redis_settings().clone();
            let sentinels = parts.hosts.iter().map(|(host, port)| match parts.is_tls {
                true => ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None },
                false => ConnectionAddr::Tcp(host.clone(), *port),
            });
            let mut builder = SentinelClientBuilder::new(sentinels, parts.master, SentinelServerType::Master)?
                .set_client_to_redis_db(parts.db);
            if let Some(user) = redis.username() {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = redis.password() {
                builder = builder.set_client_to_redis_password(password);
            }
            if parts.is_tls {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_sentinel_tls_mode(TlsMode::Secure);
                if ca.is_some() {
                    builder = builder
                        .set_client_to_redis_certificates(certificates())
                        .set_client_to_sentinel_certificates(certificates());
                }
            }
            Ok(Target::Sentinel(tokio::sync::Mutex::new(builder.build()?)))
        }
    }
}

fn no_host() -> RedisError {
    (redis::ErrorKind::InvalidClientConfig, "no host").into()
}

fn array<const N: usize>(connections: impl Iterator<Item = Connection>) -> RedisResult<[Connection; N]> {
    connections.collect::<Vec<_>>().try_into().map_err(|_| no_host())
}

impl Target {
    /// The address of the master now, if there are Sentinels: the first that the URL's
    /// Sentinels, in their order, name and that says so itself.
    pub async fn master(&self) -> Option<String> {
        let Target::Sentinel(client) = self else { return None };
        let looked = tokio::time::timeout(LOOK, async { client.lock().await.async_get_client().await }).await;
        looked.ok()?.ok().map(|client| client.get_connection_info().addr().to_string())
    }

    /// Connects; behind Sentinels to whoever is master now. So many connections, all to
    /// the same server unless it is a cluster, and that server's address.
    pub async fn connect<const N: usize>(&self) -> RedisResult<(String, [Connection; N])> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
        let client = match self {
            Target::One(client) => client.clone(),
            Target::Sentinel(client) => client.lock().await.async_get_client().await?,
            Target::Cluster(client) => {
                let all = (0..N).map(|_| client.get_async_connection());
                return Ok((String::new(), array(try_join_all(all).await?.into_iter().map(Connection::Cluster))?));
            }
        };
        let all = (0..N).map(|_| client.get_multiplexed_async_connection_with_config(&config));
        let address = client.get_connection_info().addr().to_string();
        Ok((address, array(try_join_all(all).await?.into_iter().map(Connection::One))?))
    }

    /// Whether keys may lie on different servers.
    pub fn is_cluster(&self) -> bool {
        matches!(self, Target::Cluster(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let read = parts("redis://localhost").unwrap();
        assert_eq!((read.form, read.is_tls, read.hosts), (Form::One, false, vec![("localhost".into(), 6379)]));
        let read = parts("rediss://user:p%40ss@db.example:7000/3").unwrap();
        assert_eq!((read.login, read.is_tls, read.db), ("user:p%40ss", true, 3));
        let read = parts("redis-sentinel://:pw@a:1,b/otp/2").unwrap();
        assert_eq!((read.form, read.master, read.db), (Form::Sentinel, "otp", 2));
        assert_eq!(read.hosts, vec![("a".into(), 1), ("b".into(), 26379)]);
        let read = parts("redis-cluster://[::1]:7001,[::2]").unwrap();
        assert_eq!(read.hosts, vec![("::1".into(), 7001), ("::2".into(), 6379)]);
    }

    #[test]
    fn what_is_no_url_says_how_to_write_one_and_keeps_the_password() {
        for bad in [
            "localhost:6379",
            "http://secret@x",
            "redis://",
            "redis://secret@a,b",
            "redis://a:99999",
            "redis://a/x",
            "redis-sentinel://secret@a:1",
            "redis-other://a",
        ] {
            let error = parts(bad).unwrap_err().to_string();
            assert!(error.contains("write redis://host") && !error.contains("secret"), "{bad}: {error}");
        }
    }
}
