//! Objects of one kind, by id and in the order in which they were made.

use std::collections::HashMap;

/// An object with an id.
pub(super) trait Row {
    /// Its id.
    fn id(&self) -> &str;
}

/// Objects of one kind.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { rows: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Row> Table<T> {
    /// Adds a new object.
    pub(super) fn insert(&mut self, row: T) {
        self.places.insert(row.id().to_owned(), self.rows.len());
        self.rows.push(row);
    }

    /// The object with this id.
    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).map(|place| &self.rows[*place])
    }

    /// The object with this id, to change it.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.places.get(id).map(|place| &mut self.rows[*place])
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.iter()
    }
}
