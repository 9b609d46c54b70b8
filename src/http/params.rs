//! Parts of an address, with problems instead of plain text when they are wrong.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::{Kind, Problem};

/// What stands in an address's path. Text that is no UTF-8 names nothing that exists.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| InPath(value)).map_err(|_| Problem::new(Kind::NotFound, "there is nothing of that name"))
    }
}

/// What stands in an address's query.
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(value)| InQuery(value)).map_err(|_| Problem::field("query", "cannot be read; see /docs"))
    }
}
