//! Pages of lists: `limit` and an opaque `cursor`. A cursor holds the sort key of the last row, so that rows
//! which come or go meanwhile neither repeat nor hide others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::fields::{Fields, LIMIT, Name};
use super::kinds;

const CURSOR: Name = Name(&["cursor"]);

/// The page that a caller wants.
pub struct Page<C> {
    /// Rows on it.
    pub limit: i64,
    /// The last row of the page before.
    pub cursor: Option<C>,
}

/// The place of a session in a list: start, then id.
pub type ByStart = (Timestamp, Uuid);

/// What a cursor holds.
pub trait Place: Serialize + DeserializeOwned {
    /// Whether a list can have given it out, as far as that can be seen: what the database cannot even be
    /// asked about, it did not.
    fn is_possible(&self) -> bool;
}

impl Place for Uuid {
    fn is_possible(&self) -> bool {
        true
    }
}

impl Place for ByStart {
    /// A date at the edge of what is allowed may be a day further in UTC.
    fn is_possible(&self) -> bool {
        let day = SignedDuration::from_hours(24);
        kinds::is_in_range(self.0.saturating_add(day).unwrap_or(self.0))
            || kinds::is_in_range(self.0.saturating_sub(day).unwrap_or(self.0))
    }
}

impl Place for (String, String) {
    fn is_possible(&self) -> bool {
        !self.0.contains('\0') && !self.1.contains('\0')
    }
}

impl Place for (String, Uuid) {
    fn is_possible(&self) -> bool {
        !self.0.contains('\0')
    }
}

impl<C: Place> Page<C> {
    /// Reads `limit` (`usual` if absent, at most `max`) and `cursor`.
    pub fn read(fields: &mut Fields, usual: i64, max: i64) -> Page<C> {
        let limit = fields.optional(LIMIT, kinds::integer(1, max)).unwrap_or(usual);
        let cursor = fields.optional(CURSOR, |value| {
            let text = kinds::text(1000)(value)?;
            decode(&text).ok_or_else(|| "is not a cursor that this list gave out".to_owned())
        });
        Page { limit, cursor }
    }

    /// How many rows to ask for: one more than fit, to see whether there are more.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts `rows` to the page and says where the next one begins.
    pub fn cut<T>(&self, rows: &mut Vec<T>, place: impl Fn(&T) -> C) -> Option<String> {
        let fits = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= fits {
            return None;
        }
        rows.truncate(fits);
        rows.last().map(|last| encode(&place(last)))
    }
}

fn encode(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

fn decode<C: Place>(text: &str) -> Option<C> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok().filter(C::is_possible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_row_and_a_made_up_one_nowhere() {
        let at: Timestamp = "2201-01-01T04:00:00Z".parse().expect("an evening of 2200 in Toronto");
        let place: ByStart = (at, Uuid::from_u128(5));
        assert_eq!(decode::<ByStart>(&encode(&place)), Some(place));
        assert_eq!(decode::<ByStart>("bm9uc2Vuc2U"), None);
        for at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            assert_eq!(decode::<ByStart>(&encode(&(at, Uuid::from_u128(5)))), None);
        }
        assert_eq!(decode::<(String, String)>(&encode(&("A\0", "x"))), None);
    }

    #[test]
    fn a_page_is_cut_only_if_there_is_more() {
        let page = Page::<Uuid> { limit: 2, cursor: None };
        let mut rows = vec![1, 2];
        let id = |row: &u128| Uuid::from_u128(*row);
        assert_eq!(page.cut(&mut rows, id), None);
        rows.push(3);
        assert!(page.cut(&mut rows, id).is_some_and(|cursor| decode(&cursor) == Some(id(&2))));
        assert_eq!(rows, [1, 2]);
    }
}
