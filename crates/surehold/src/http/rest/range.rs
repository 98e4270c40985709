//! Which of the rows: `limit` and `offset`, or the header `Range`.

use axum::http::HeaderMap;
use axum::http::header::RANGE;

use super::errors;
use crate::http::error::ApiError;

/// Which of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// So many not, at first.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// The window of a request. The header wins, as it does at PostgREST; nobody gets more than `rows_max` rows.
pub fn window(
    limit: Option<&str>,
    offset: Option<&str>,
    headers: &HeaderMap,
    rows_max: i64,
) -> Result<Window, ApiError> {
    if let Some(window) = of_header(headers, rows_max)? {
        return Ok(window);
    }
    // What is no number is no limit.
    let limit = limit.and_then(|text| text.trim().parse::<i64>().ok());
    if limit.is_some_and(|limit| limit < 0) {
        return Err(errors::range("Limit should be greater than or equal to zero."));
    }
    let offset = offset.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0).max(0);
    Ok(Window { offset, limit: limit.unwrap_or(rows_max).min(rows_max) })
}

/// `0-9`, or `10-` for everything from the eleventh on. Anything else, bytes for instance, is none of ours.
fn of_header(headers: &HeaderMap, rows_max: i64) -> Result<Option<Window>, ApiError> {
    let Some(text) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Ok(None) };
    let Some((first, last)) = text.trim().split_once('-') else { return Ok(None) };
    let Ok(first) = first.parse::<i64>() else { return Ok(None) };
    if first < 0 {
        return Ok(None);
    }
    if last.is_empty() {
        return Ok(Some(Window { offset: first, limit: rows_max }));
    }
    let Ok(last) = last.parse::<i64>() else { return Ok(None) };
    if last < first {
        let problem = "The lower boundary must be lower than or equal to the upper boundary in the Range header.";
        return Err(errors::range(problem));
    }
    Ok(Some(Window { offset: first, limit: (last - first).saturating_add(1).min(rows_max) }))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(header: Option<&'static str>, limit: Option<&str>, offset: Option<&str>) -> Result<(i64, i64), String> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(RANGE, HeaderValue::from_static(header));
        }
        match window(limit, offset, &headers, 100) {
            Ok(window) => Ok((window.offset, window.limit)),
            Err(error) => Err(error.details.unwrap_or_default().to_string()),
        }
    }

    #[test]
    fn parameters_say_which_rows() {
        assert_eq!(with(None, None, None), Ok((0, 100)));
        assert_eq!(with(None, Some("7"), Some("3")), Ok((3, 7)));
        assert_eq!(with(None, Some("1000"), None), Ok((0, 100)), "the cap");
        assert_eq!(with(None, Some("0"), None), Ok((0, 0)));
        assert_eq!(with(None, Some("many"), Some("few")), Ok((0, 100)), "no numbers are no borders");
        assert_eq!(with(None, None, Some("-5")), Ok((0, 100)));
        assert!(with(None, Some("-1"), None).unwrap_err().contains("greater than or equal to zero"));
    }

    #[test]
    fn the_header_wins() {
        assert_eq!(with(Some("5-9"), Some("1"), Some("1")), Ok((5, 5)));
        assert_eq!(with(Some("5-"), None, None), Ok((5, 100)));
        assert_eq!(with(Some("0-9223372036854775807"), None, None), Ok((0, 100)));
        assert_eq!(with(Some("bytes=0-5"), Some("2"), None), Ok((0, 2)), "none of ours");
        assert!(with(Some("1-0"), None, None).unwrap_err().contains("lower boundary"));
    }
}
