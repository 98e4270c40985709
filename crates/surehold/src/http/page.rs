//! Pages of lists: `limit` and an opaque `cursor`. A cursor holds the sort key of the last row, so that rows
//! which come or go meanwhile neither repeat nor hide others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
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

impl<C: Serialize + DeserializeOwned> Page<C> {
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

fn decode<C: DeserializeOwned>(text: &str) -> Option<C> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_row_and_a_made_up_one_nowhere() {
        let place: ByStart = (Timestamp::UNIX_EPOCH, Uuid::from_u128(5));
        assert_eq!(decode::<ByStart>(&encode(&place)), Some(place));
        assert_eq!(decode::<ByStart>("bm9uc2Vuc2U"), None);
    }

    #[test]
    fn a_page_is_cut_only_if_there_is_more() {
        let page = Page::<i32> { limit: 2, cursor: None };
        let mut rows = vec![1, 2];
        assert_eq!(page.cut(&mut rows, |row| *row), None);
        rows.push(3);
        assert!(page.cut(&mut rows, |row| *row).is_some_and(|cursor| decode(&cursor) == Some(2)));
        assert_eq!(rows, [1, 2]);
    }
}
