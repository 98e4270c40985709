//! What a caller may have meant.

/// The name that takes the fewest changes of single letters, if these are few.
pub fn nearest<'n>(given: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Nobody means a name by a text of any length, and comparing takes time.
    const LENGTH_MAX: usize = 64;
    if given.len() > LENGTH_MAX {
        return None;
    }
    let few = given.chars().count() / 3 + 1;
    names.map(|name| (distance(given, name), name)).filter(|(changes, _)| *changes <= few).min().map(|(_, name)| name)
}

/// Levenshtein's distance, a row of his table at a time.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood_and_a_strange_word_is_not() {
        let names = ["bookings", "payments", "trips"];
        let of = |given| nearest(given, names.into_iter());
        assert_eq!(of("booking"), Some("bookings"));
        assert_eq!(of("trisp"), Some("trips"));
        assert_eq!(of("vendors"), None);
        assert_eq!(of(&"bookings".repeat(1000)), None);
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")), (3, 3, 0));
    }
}
