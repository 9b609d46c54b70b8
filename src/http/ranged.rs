//! Audio, whole or in part.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A WAV file, or the part of it that a player asks for (RFC 9110, 14.2). Never kept by
/// caches: it may speak a code.
pub fn ranged(wav: Vec<u8>, headers: &HeaderMap) -> Response {
    let total = wav.len();
    let common =
        [(header::CONTENT_TYPE, "audio/wav"), (header::CACHE_CONTROL, "no-store"), (header::ACCEPT_RANGES, "bytes")];
    match headers.get(header::RANGE).and_then(|value| asked(value.to_str().ok()?, total)) {
        None => (common, wav).into_response(),
        Some(Ok((from, to))) => {
            let content_range = [(header::CONTENT_RANGE, format!("bytes {from}-{to}/{total}"))];
            (StatusCode::PARTIAL_CONTENT, common, content_range, wav[from..=to].to_vec()).into_response()
        }
        Some(Err(Beyond)) => {
            let content_range = [(header::CONTENT_RANGE, format!("bytes */{total}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, common, content_range).into_response()
        }
    }
}

/// Nothing of what is asked exists.
#[derive(Debug, PartialEq, Eq)]
struct Beyond;

/// First and last byte of one range. `None`: no range that we understand, which is
/// answered with the whole.
fn asked(range: &str, total: usize) -> Option<Result<(usize, usize), Beyond>> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = total.checked_sub(1)?;
    let (from, to) = match (from, to) {
        ("", count) => match count.parse::<usize>().ok()? {
            0 => return Some(Err(Beyond)),
            count => (total.saturating_sub(count), last),
        },
        (from, "") => (from.parse().ok()?, last),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.min(last)),
    };
    match from {
        from if from > last => Some(Err(Beyond)),
        from if from > to => None,
        from => Some(Ok((from, to))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_whole_bytes_that_exist() {
        assert_eq!(asked("bytes=0-9", 100), Some(Ok((0, 9))));
        assert_eq!(asked("bytes=90-", 100), Some(Ok((90, 99))));
        assert_eq!(asked("bytes=-5", 100), Some(Ok((95, 99))));
        assert_eq!(asked("bytes=-500", 100), Some(Ok((0, 99))));
        assert_eq!(asked("bytes=50-5000", 100), Some(Ok((50, 99))));
        for beyond in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(asked(beyond, 100), Some(Err(Beyond)), "{beyond}");
        }
        for ignored in
            ["bytes=9-5", "items=0-9", "bytes=a-b", "bytes=0-1,3-4", "bytes=-", "", "bytes=99999999999999999999-"]
        {
            assert_eq!(asked(ignored, 100), None, "{ignored}");
        }
        assert_eq!(asked("bytes=0-9", 0), None);
    }
}
