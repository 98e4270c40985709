//! Enums that Stripe may add to at any time: a value that this program does not know is kept, not an error.

/// Makes an enum of Stripe's words with a last variant `Other` for every word that came later.
macro_rules! open_enum {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
        #[serde(from = "Option<String>")]
        pub enum $name {
            $($(#[$what])* $variant,)+
            /// A word that this program does not know; empty if Stripe said `null`.
            Other(String),
        }

        impl $name {
            /// Stripe's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Other(word) => word,
                }
            }
        }

        impl From<Option<String>> for $name {
            fn from(word: Option<String>) -> $name {
                match word.as_deref() {
                    $(Some($word) => $name::$variant,)+
                    _ => $name::Other(word.unwrap_or_default()),
                }
            }
        }
    };
}

pub(super) use open_enum;

#[cfg(test)]
mod tests {
    open_enum! {
        /// For the test.
        Light {
            /// Go.
            Green = "green",
            /// Stop.
            Red = "red",
        }
    }

    #[test]
    fn words_that_came_later_are_kept() {
        let read = |text: &str| serde_json::from_str::<Light>(text).expect("a word");
        assert_eq!(read("\"green\""), Light::Green);
        assert_eq!(read("\"red\"").as_str(), "red");
        assert_eq!(read("\"amber\""), Light::Other("amber".to_owned()));
        assert_eq!(read("\"amber\"").as_str(), "amber");
        assert_eq!(read("null"), Light::Other(String::new()));
    }
}
