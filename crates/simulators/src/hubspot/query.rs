//! The query string of a call, and the parts of its path.

/// Names and values, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn read(query: Option<&str>) -> Query {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Query { pairs: pairs.into_owned().collect() }
    }

    /// The value of a name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All values of a name, which may come several times, and with commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.pairs.iter().filter(|(given, _)| given == name).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.first(name) == Some("true")
    }
}

/// A part of a path without its percent signs.
pub(super) fn decoded(part: &str) -> String {
    // What means something in a form means itself in a path.
    let part = part.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(part.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_paths_are_decoded() {
        assert_eq!(decoded("ann%2Bx%40example.org"), "ann+x@example.org");
        assert_eq!(decoded("a+b=c&d%2F%C3%A9"), "a+b=c&d/é");
        assert_eq!(decoded(""), "");
    }
}
