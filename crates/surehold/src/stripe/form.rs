//! Form bodies as Stripe's API reads them: `line_items[0][quantity]=2`.

use std::fmt::Display;

use form_urlencoded::byte_serialize;

/// A form body in the making. The same calls make the same bytes.
#[derive(Debug, Default)]
pub(super) struct Form {
    text: String,
}

impl Form {
    /// Adds a member. Brackets of its name stay readable, as in the official clients.
    pub fn push(&mut self, name: &str, value: impl Display) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        let name: String = byte_serialize(name.as_bytes()).collect();
        self.text.push_str(&name.replace("%5B", "[").replace("%5D", "]"));
        self.text.push('=');
        self.text.extend(byte_serialize(value.to_string().as_bytes()));
    }

    /// Adds a map: `name[key]=value`. A key with square brackets would be another member, so they are left
    /// out of it; Stripe does not allow them anyway.
    pub fn push_map(&mut self, name: &str, map: &[(String, String)]) {
        for (key, value) in map {
            self.push(&format!("{name}[{}]", key.replace(['[', ']'], "")), value);
        }
    }

    /// The body.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_brackets_and_values_are_encoded() {
        let mut form = Form::default();
        form.push("items[0][name]", "Zürich & back [50%] = a+b");
        form.push("amount", -5);
        assert_eq!(
            form.finish(),
            "items[0][name]=Z%C3%BCrich+%26+back+%5B50%25%5D+%3D+a%2Bb&amount=-5",
            "the space is a plus and the plus is encoded"
        );
    }

    #[test]
    fn a_key_of_a_map_cannot_become_another_member() {
        let mut form = Form::default();
        form.push_map("metadata", &[("a][b&c=d".to_owned(), "1".to_owned()), ("e".to_owned(), String::new())]);
        assert_eq!(form.finish(), "metadata[ab%26c%3Dd]=1&metadata[e]=");
    }

    #[test]
    fn what_is_encoded_can_be_read_back() {
        let value = "line\nbreak \u{1F697} \"quotes\" {CHECKOUT_SESSION_ID}";
        let mut form = Form::default();
        form.push("a[b]", value);
        let body = form.finish();
        let read: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        assert_eq!(read, [("a[b]".to_owned(), value.to_owned())]);
    }
}
