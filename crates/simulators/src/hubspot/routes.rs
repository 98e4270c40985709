//! Every call that is understood: from method and path to an [`Operation`], and from that to its answer. The
//! dated paths, `/crm/objects/2026-09/…`, and the older ones, `/crm/v3/objects/…`, mean the same.

use serde_json::Value;

use super::answer::Answer;
use super::association_batches::{self, Ends};
use super::associations::{self, Pair};
use super::batch::{self, Kind};
use super::errors::ApiError;
use super::limits::Quota;
use super::query::{Query, decoded};
use super::state::State;
use super::{property_calls, search, single};
use axum::http::StatusCode;
use serde_json::json;

/// A path without its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// Such as `/crm/objects/2-501/batch/upsert`.
    pub(super) plain: String,
    /// Whether the version was v4. Of associations it is the older one; dated ones have replaced it.
    pub(super) is_v4: bool,
}

impl Path {
    /// Takes the version out of a path; none if it has none, or one that HubSpot does not have.
    pub(super) fn read(path: &str) -> Option<Path> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (version, api, rest) = match parts.as_slice() {
            ["crm", version @ ("v3" | "v4"), api, rest @ ..] => (*version, *api, rest),
            ["crm", api, version, rest @ ..] if is_date(version) => (*version, *api, rest),
            _ => return None,
        };
        match (api, version) {
            ("objects" | "properties", "v3") | ("objects" | "associations", "v4") => {}
            ("objects" | "properties" | "associations", _) if is_date(version) => {}
            _ => return None,
        }
        Some(Path { plain: format!("/crm/{api}/{}", rest.join("/")), is_v4: version == "v4" })
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
    let text = decoded;
    let [_, api, object_type, rest @ ..] = parts.as_slice() else { return None };
    let (what, tail) = match (*api, method, rest) {
        ("objects", "GET", []) => (What::List, String::new()),
        ("objects", "POST", []) => (What::Create, String::new()),
        ("objects", "POST", ["search"]) => (What::Search, "/search".into()),
        ("objects", "POST", ["batch", verb]) => {
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
        ("objects", "GET", [id]) => (What::Read(text(id)), "/{id}".into()),
        ("objects", "PATCH", [id]) => (What::Update(text(id)), "/{id}".into()),
        ("objects", "DELETE", [id]) => (What::Archive(text(id)), "/{id}".into()),
        ("objects", "PUT", [id, "associations", "default", to, to_id]) => {
            let what = What::Pair { id: text(id), to: text(to), to_id: text(to_id), is_default: true };
            (what, "/{id}/associations/default/{type}/{id}".into())
        }
        ("objects", "PUT", [id, "associations", to, to_id]) => {
            let what = What::Pair { id: text(id), to: text(to), to_id: text(to_id), is_default: false };
            (what, "/{id}/associations/{type}/{id}".into())
        }
        ("objects", "GET", [id, "associations", to]) => {
            (What::Neighbours { id: text(id), to: text(to) }, "/{id}/associations/{type}".into())
        }
        ("associations", "POST", [to, "batch", verb @ ..]) => {
            let what = match verb {
                ["create"] => What::Associate(text(to)),
                ["associate", "default"] => What::AssociateDefault(text(to)),
                ["read"] => What::ReadAssociations(text(to)),
                ["archive"] => What::ArchiveAssociations(text(to)),
                _ => return None,
            };
            (what, format!("/{{type}}/batch/{}", verb.join("/")))
        }
        ("properties", "GET", []) => (What::Properties, String::new()),
        ("properties", "POST", []) => (What::CreateProperty, String::new()),
        ("properties", "POST", ["batch", "create"]) => (What::CreateProperties, "/batch/create".into()),
        ("properties", "GET", ["groups"]) => (What::Groups, "/groups".into()),
        ("properties", "POST", ["groups"]) => (What::CreateGroup, "/groups".into()),
        ("properties", "GET", [name]) => (What::Property(text(name)), "/{name}".into()),
        ("properties", "PATCH", [name]) => (What::UpdateProperty(text(name)), "/{name}".into()),
        ("properties", "DELETE", [name]) => (What::ArchiveProperty(text(name)), "/{name}".into()),
        _ => return None,
    };
    let is_association = *api == "associations" || rest.contains(&"associations");
    let quota = match what {
        What::Search => Quota::Search,
        _ if is_association => Quota::Associations,
        _ => Quota::Calls,
    };
    let is_read = method == "GET" || matches!(what, What::Search | What::ReadBatch | What::ReadAssociations(_));
    Some(Operation {
        what,
        kind: format!("{method} /crm/{api}/{{type}}{tail}"),
        quota,
        is_write: !is_read,
        object_type: text(object_type),
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
            Ok(Ends { from: object_type.clone(), to: state.types.resolve(to)?, is_v4: path.is_v4 })
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
        assert!(Path::read("/crm/v4/associations/a/b/batch/read").unwrap().is_v4);
        for wrong in ["/crm/v2/objects/a", "/crm/objects/a", "/crm/objects/2026-07/a", "/crm/v3/associations/a/b", "/"]
        {
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
