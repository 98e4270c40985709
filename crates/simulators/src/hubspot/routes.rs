//! Every call that is understood: from method and path to an [`Operation`], and from that to its answer. The
//! dated paths, `/crm/objects/2026-09/…`, and the older ones, `/crm/v3/objects/…`, mean the same.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::association_batches::{self, Ends};
use super::associations::{self, Pair};
use super::batch::{self, Kind};
use super::errors::ApiError;
use super::limits::Quota;
use super::query::{Query, decoded};
use super::state::State;
use super::{property_calls, search, single};

/// A path without its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// Such as `/crm/objects/2-501/batch/upsert`.
    pub(super) plain: String,
    pub(super) version: Version,
}

/// Which version of the API a path names. v3 has objects and properties, v4 has associations; dated ones, which
/// have replaced both, have everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V3,
    V4,
    Dated,
}

impl Path {
    /// Takes the version out of a path; none if it has none, or one that HubSpot does not have.
    pub(super) fn read(path: &str) -> Option<Path> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (version, api, rest) = match parts.as_slice() {
            ["crm", "v3", api, rest @ ..] => (Version::V3, *api, rest),
            ["crm", "v4", api, rest @ ..] => (Version::V4, *api, rest),
            ["crm", api, version, rest @ ..] if is_date(version) => (Version::Dated, *api, rest),
            _ => return None,
        };
        let is_association = api == "associations" || api == "objects" && rest.contains(&"associations");
        let exists = match version {
            Version::V3 => !is_association && ["objects", "properties"].contains(&api),
            Version::V4 => is_association,
            Version::Dated => ["objects", "properties", "associations"].contains(&api),
        };
        exists.then(|| Path { plain: format!("/crm/{api}/{}", rest.join("/")), version })
    }
}

/// Whether it is a dated version: every March and September.
fn is_date(version: &str) -> bool {
    let Some((year, month)) = version.split_once('-') else { return false };
    year.len() == 4 && year.parse::<u16>().is_ok_and(|year| year >= 2026) && ["03", "09"].contains(&month)
}

/// What a call asks for.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) what: What,
    /// Its kind: method and path with `{type}`, `{id}` and `{name}`.
    pub(super) kind: String,
    pub(super) quota: Quota,
    pub(super) is_write: bool,
    /// The type of object whose scope is needed.
    object_type: String,
}

#[derive(Debug)]
pub(super) enum What {
    List,
    Create,
    Read(String),
    Update(String),
    Archive(String),
    Write(Kind),
    ReadBatch,
    ArchiveBatch,
    Search,
    Properties,
    CreateProperty,
    CreateProperties,
    Property(String),
    UpdateProperty(String),
    ArchiveProperty(String),
    Groups,
    CreateGroup,
    Associate(String),
    AssociateDefault(String),
    ReadAssociations(String),
    ArchiveAssociations(String),
    Pair { id: String, to: String, to_id: String, is_default: bool },
    Neighbours { id: String, to: String },
}

/// Reads a call.
pub(super) fn read(method: &str, path: &Path) -> Option<Operation> {
    let parts: Vec<&str> = path.plain.trim_matches('/').split('/').collect();
    let [_, api, object_type, rest @ ..] = parts.as_slice() else { return None };
    let (what, tail) = match *api {
        "objects" if rest.contains(&"associations") => of_one_pair(method, rest)?,
        "objects" => of_objects(method, rest)?,
        "associations" => of_associations(method, rest)?,
        _ => of_properties(method, rest)?,
    };
    let quota = match what {
        What::Search => Quota::Search,
        _ if path.plain.contains("/associations/") => Quota::Associations,
        _ => Quota::Calls,
    };
    let is_read = method == "GET" || matches!(what, What::Search | What::ReadBatch | What::ReadAssociations(_));
    Some(Operation {
        what,
        kind: format!("{method} /crm/{api}/{{type}}{tail}"),
        quota,
        is_write: !is_read,
        object_type: decoded(object_type),
    })
}

/// What a call of objects asks for, and the rest of its kind.
fn of_objects(method: &str, rest: &[&str]) -> Option<(What, String)> {
    Some(match (method, rest) {
        ("GET", []) => (What::List, String::new()),
        ("POST", []) => (What::Create, String::new()),
        ("POST", ["search"]) => (What::Search, "/search".to_owned()),
        ("POST", ["batch", verb]) => {
            let what = match *verb {
                "create" => What::Write(Kind::Create),
                "update" => What::Write(Kind::Update),
                "upsert" => What::Write(Kind::Upsert),
                "read" => What::ReadBatch,
                "archive" => What::ArchiveBatch,
                _ => return None,
            };
            (what, format!("/batch/{verb}"))
        }
        ("GET", [id]) => (What::Read(decoded(id)), "/{id}".to_owned()),
        ("PATCH", [id]) => (What::Update(decoded(id)), "/{id}".to_owned()),
        ("DELETE", [id]) => (What::Archive(decoded(id)), "/{id}".to_owned()),
        _ => return None,
    })
}

/// The same for the associations of one object.
fn of_one_pair(method: &str, rest: &[&str]) -> Option<(What, String)> {
    let pair = |id: &str, to: &str, to_id: &str, is_default| What::Pair {
        id: decoded(id),
        to: decoded(to),
        to_id: decoded(to_id),
        is_default,
    };
    Some(match (method, rest) {
        ("PUT", [id, "associations", "default", to, to_id]) => {
            (pair(id, to, to_id, true), "/{id}/associations/default/{type}/{id}".to_owned())
        }
        ("PUT", [id, "associations", to, to_id]) => {
            (pair(id, to, to_id, false), "/{id}/associations/{type}/{id}".to_owned())
        }
        ("GET", [id, "associations", to]) => {
            (What::Neighbours { id: decoded(id), to: decoded(to) }, "/{id}/associations/{type}".to_owned())
        }
        _ => return None,
    })
}

/// The same for batches of associations.
fn of_associations(method: &str, rest: &[&str]) -> Option<(What, String)> {
    let ("POST", [to, "batch", verb @ ..]) = (method, rest) else { return None };
    let to = decoded(to);
    let what = match verb {
        ["create"] => What::Associate(to),
        ["associate", "default"] => What::AssociateDefault(to),
        ["read"] => What::ReadAssociations(to),
        ["archive"] => What::ArchiveAssociations(to),
        _ => return None,
    };
    Some((what, format!("/{{type}}/batch/{}", verb.join("/"))))
}

/// The same for definitions of properties.
fn of_properties(method: &str, rest: &[&str]) -> Option<(What, String)> {
    Some(match (method, rest) {
        ("GET", []) => (What::Properties, String::new()),
        ("POST", []) => (What::CreateProperty, String::new()),
        ("POST", ["batch", "create"]) => (What::CreateProperties, "/batch/create".to_owned()),
        ("GET", ["groups"]) => (What::Groups, "/groups".to_owned()),
        ("POST", ["groups"]) => (What::CreateGroup, "/groups".to_owned()),
        ("GET", [name]) => (What::Property(decoded(name)), "/{name}".to_owned()),
        ("PATCH", [name]) => (What::UpdateProperty(decoded(name)), "/{name}".to_owned()),
        ("DELETE", [name]) => (What::ArchiveProperty(decoded(name)), "/{name}".to_owned()),
        _ => return None,
    })
}

impl Operation {
    /// Does it. With `half` only the first half of a batch's inputs.
    pub(super) fn execute(
        &self,
        state: &mut State,
        path: &Path,
        query: &Query,
        body: &Value,
        half: bool,
    ) -> Result<Answer, ApiError> {
        let object_type = &state.types.resolve(&self.object_type)?;
        let inputs = body.get("inputs").and_then(Value::as_array).map_or(0, Vec::len);
        let only = half.then_some(inputs / 2);
        let ends = |state: &State, to: &str| -> Result<Ends, ApiError> {
            Ok(Ends { from: object_type.clone(), to: state.types.resolve(to)?, version: path.version })
        };
        match &self.what {
            What::List => single::list(state, object_type, query),
            What::Create => single::create(state, object_type, body),
            What::Read(id) => single::read(state, object_type, id, query),
            What::Update(id) => single::update(state, object_type, id, query, body),
            What::Archive(id) => single::archive(state, object_type, id, query),
            What::Write(kind) => batch::write(state, object_type, *kind, body, only),
            What::ReadBatch => batch::read(state, object_type, body),
            What::ArchiveBatch => batch::archive(state, object_type, body, only),
            What::Search => search::search(state, object_type, body),
            What::Properties => Ok(property_calls::list(state, object_type)),
            What::CreateProperty => property_calls::create(state, object_type, body),
            What::CreateProperties => property_calls::create_batch(state, object_type, body),
            What::Property(name) => property_calls::read(state, object_type, name),
            What::UpdateProperty(name) => property_calls::update(state, object_type, name, body),
            What::ArchiveProperty(name) => property_calls::archive(state, object_type, name),
            What::Groups => Ok(property_calls::groups(state, object_type)),
            What::CreateGroup => property_calls::create_group(state, object_type, body),
            What::Associate(to) => association_batches::create(state, &ends(state, to)?, body, only),
            What::AssociateDefault(to) => association_batches::create_default(state, &ends(state, to)?, body, only),
            What::ReadAssociations(to) => association_batches::read(state, &ends(state, to)?, body),
            What::ArchiveAssociations(to) => association_batches::archive(state, &ends(state, to)?, body, only),
            What::Pair { id, to, to_id, is_default } => {
                let ends = ends(state, to)?;
                let pair = Pair::read(&json!({ "from": { "id": id }, "to": { "id": to_id } }))?;
                if *is_default {
                    let made = association_batches::default_of(state, &ends, &pair)?;
                    return Ok(batch::envelope(state, StatusCode::OK, made, Vec::new()));
                }
                let types = pair.make(state, &ends.from, &ends.to, Some(&json!({ "types": body })))?;
                let labels = types.into_iter().filter_map(|(_, _, label)| label).collect();
                Ok(Answer::json(StatusCode::CREATED, association_batches::labels(&ends, &pair, labels)))
            }
            What::Neighbours { id, to } => {
                let ends = ends(state, to)?;
                let number = id.parse().ok().filter(|number| state.record(&ends.from, *number).is_some());
                let number = number.ok_or_else(ApiError::not_found)?;
                let others = associations::of_record(state, (&ends.from, number), &ends.to);
                Ok(Answer::json(StatusCode::OK, json!({ "results": others })))
            }
        }
    }

    /// The scope that it needs.
    pub(super) fn scope(&self, state: &State) -> String {
        let id = state.types.resolve(&self.object_type).unwrap_or_default();
        let name = if id.starts_with("0-") { state.types.name(&id) } else { "custom" };
        let area = if self.kind.contains("/crm/properties/") { "schemas" } else { "objects" };
        format!("crm.{area}.{name}.{}", if self.is_write { "write" } else { "read" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_taken_out_of_paths() {
        let plain = |path: &str| Path::read(path).map(|path| path.plain);
        let upsert = Some("/crm/objects/2-501/batch/upsert".to_owned());
        assert_eq!(plain("/crm/v3/objects/2-501/batch/upsert"), upsert);
        assert_eq!(plain("/crm/objects/2026-09/2-501/batch/upsert"), upsert);
        assert_eq!(plain("/crm/objects/2026-03/2-501/batch/upsert"), upsert);
        assert_eq!(Path::read("/crm/v4/associations/a/b/batch/read").unwrap().version, Version::V4);
        for wrong in [
            "/crm/v2/objects/a",
            "/crm/objects/a",
            "/crm/objects/2026-07/a",
            "/crm/v3/associations/a/b",
            "/crm/v4/objects/a",
            "/crm/v3/objects/a/1/associations/b",
            "/",
        ] {
            assert_eq!(plain(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn calls_have_kinds_and_quotas() {
        let of = |method: &str, path: &str| {
            let operation = read(method, &Path::read(path).unwrap()).unwrap();
            (operation.kind, operation.quota, operation.is_write)
        };
        let kind = |kind: &str, quota, is_write| (kind.to_owned(), quota, is_write);
        assert_eq!(
            of("POST", "/crm/v3/objects/2-501/batch/upsert"),
            kind("POST /crm/objects/{type}/batch/upsert", Quota::Calls, true)
        );
        assert_eq!(of("GET", "/crm/v3/objects/contacts/17"), kind("GET /crm/objects/{type}/{id}", Quota::Calls, false));
        assert_eq!(
            of("POST", "/crm/objects/2026-09/contacts/search"),
            kind("POST /crm/objects/{type}/search", Quota::Search, false)
        );
        assert_eq!(
            of("PUT", "/crm/objects/2026-09/2-501/1/associations/default/0-1/2"),
            kind("PUT /crm/objects/{type}/{id}/associations/default/{type}/{id}", Quota::Associations, true)
        );
    }
}
