//! API keys: which tenant asks, and what its key allows.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{Kind, Problem};
use crate::config::Scope;
use crate::model::TenantId;
use crate::seal::ApiKeyHash;

/// The configured keys. Cloning shares them.
#[derive(Clone)]
pub struct ApiKeys(Arc<Vec<(ApiKeyHash, Arc<Owner>)>>);

struct Owner {
    tenant: TenantId,
    name: String,
    scopes: Vec<Scope>,
}

impl ApiKeys {
    /// These keys: hash, tenant, owner's name, scopes.
    pub fn new(keys: impl IntoIterator<Item = (ApiKeyHash, TenantId, String, Vec<Scope>)>) -> Self {
        let owned = |(hash, tenant, name, scopes)| (hash, Arc::new(Owner { tenant, name, scopes }));
        ApiKeys(Arc::new(keys.into_iter().map(owned).collect()))
    }

    fn find(&self, key: &str) -> Option<Arc<Owner>> {
        let hash = ApiKeyHash::of(key);
        // Every key is compared, so the time does not tell which one fits.
        self.0.iter().fold(None, |found, (own, owner)| if own.matches(&hash) { Some(owner.clone()) } else { found })
    }
}

/// Who asks: taken from `Authorization: Bearer KEY`, or the request is refused.
#[derive(Clone)]
pub struct Caller(Arc<Owner>);

impl Caller {
    /// The tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    /// The key's owner, for audit.
    pub fn owner(&self) -> &str {
        &self.0.name
    }

    /// Refuses unless the key has the scope.
    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.0.scopes.contains(&scope) {
            return Ok(());
        }
        let detail = format!("this needs a key with the scope {}", scope.as_str());
        Err(Problem::new(Kind::MissingScope, detail).with("scope", scope.as_str()))
    }
}

impl<S> FromRequestParts<S> for Caller
where
    ApiKeys: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::new(Kind::Unauthorized, "send the header Authorization: Bearer KEY");
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(missing)?;
        let (scheme, key) = header.split_once(' ').ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        let owner = ApiKeys::from_ref(state).find(key.trim());
        owner.map(Caller).ok_or_else(|| Problem::new(Kind::Unauthorized, "this API key is not known"))
    }
}
