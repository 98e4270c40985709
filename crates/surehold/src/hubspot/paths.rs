//! Where HubSpot's APIs are: in the old numbered versions or in one named after its date.

use anyhow::ensure;
use reqwest::Url;

use super::error::HubSpotError;

/// The path of the objects that is taken if nobody says otherwise.
pub const OBJECTS_PATH: &str = "/crm/v3/objects";
/// What stands before the date of a dated version.
const DATED: &str = "/crm/objects/";

/// The three APIs that are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Records.
    pub(super) objects: String,
    /// What belongs to what.
    pub(super) associations: String,
    /// The definitions of properties.
    pub(super) properties: String,
}

impl Paths {
    /// From the path of the objects: `/crm/v3/objects`, which HubSpot ends in September 2027 (and the `v4` of
    /// associations on 2027-03-30), or `/crm/objects/2026-09`; each dated version is good for 18 months.
    ///
    /// # Errors
    ///
    /// A sentence that says what the path should look like.
    pub fn of(objects: &str) -> anyhow::Result<Paths> {
        let objects = objects.trim().trim_end_matches('/');
        if objects == OBJECTS_PATH {
            return Ok(Paths {
                objects: objects.to_owned(),
                associations: "/crm/v4/associations".to_owned(),
                properties: "/crm/v3/properties".to_owned(),
            });
        }
        let date = objects.strip_prefix(DATED).unwrap_or_default();
        ensure!(
            is_year_and_month(date),
            "the path of HubSpot's objects is neither {OBJECTS_PATH} nor a dated one such as {DATED}2026-09"
        );
        Ok(Paths {
            objects: objects.to_owned(),
            associations: format!("/crm/associations/{date}"),
            properties: format!("/crm/properties/{date}"),
        })
    }
}

/// `2026-09`.
fn is_year_and_month(text: &str) -> bool {
    let is_number = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(year, month)| is_number(year, 4) && is_number(month, 2))
}

/// A URL of parts. Each part is one step of the path, whatever it holds: it may come from outside, and must not lead
/// elsewhere.
pub(super) fn url(base: &str, path: &str, parts: &[&str], query: &[(&str, &str)]) -> Result<Url, HubSpotError> {
    // A step of dots would be taken for a way up, and an empty one for none.
    if let Some(part) = parts.iter().find(|part| matches!(part.trim(), "" | "." | "..")) {
        return Err(HubSpotError::not_made(format!("{part:?} names nothing at HubSpot")));
    }
    let no_url = || HubSpotError::not_made("the address of the call is no URL");
    let mut url = Url::parse(&format!("{base}{path}")).map_err(|_| no_url())?;
    url.path_segments_mut().map_err(|()| no_url())?.extend(parts);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_paths_follow_from_that_of_the_objects() {
        let of = |path: &str| Paths::of(path).map(|paths| [paths.objects, paths.associations, paths.properties]);
        assert_eq!(
            of("/crm/v3/objects/").expect("v3"),
            ["/crm/v3/objects", "/crm/v4/associations", "/crm/v3/properties"]
        );
        let dated = ["/crm/objects/2026-09", "/crm/associations/2026-09", "/crm/properties/2026-09"];
        assert_eq!(of("/crm/objects/2026-09").expect("dated"), dated);
        for path in [
            "",
            "/",
            "/crm/v4/objects",
            "crm/v3/objects",
            "/crm/objects",
            "/crm/objects/",
            "/crm/objects/2026-9",
            "/crm/objects/2026-09/x",
            "/crm/objects/2026-09-beta",
        ] {
            let error = of(path).expect_err(path).to_string();
            assert!(error.contains("/crm/v3/objects") && error.contains("/crm/objects/2026-09"), "{error}");
        }
    }

    #[test]
    fn a_part_is_one_step_whatever_it_holds() {
        let of = |part: &str| url("http://x.example/hub", "/crm", &["0-1", part], &[]).map(|url| url.to_string());
        assert_eq!(of("7").as_deref(), Ok("http://x.example/hub/crm/0-1/7"));
        assert_eq!(
            of("a/../b?c#d%2e é").as_deref(),
            Ok("http://x.example/hub/crm/0-1/a%2F..%2Fb%3Fc%23d%252e%20%C3%A9")
        );
        for part in ["", " ", ".", ".."] {
            assert!(of(part).is_err(), "{part:?}");
        }
        let query = url("http://x.example", "/crm", &["7"], &[("properties", "a,b"), ("x", "ü&")]).expect("a URL");
        assert_eq!(query.as_str(), "http://x.example/crm/7?properties=a%2Cb&x=%C3%BC%26");
    }
}
