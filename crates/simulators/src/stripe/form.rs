//! Parameters with brackets: `line_items[0][quantity]=2&expand[]=payment_intent`.
//!
//! Stripe takes them form-encoded in bodies and query strings (docs.stripe.com/api, "Request"). A value is a
//! text or a map; an array is a map whose names are numbers.

use std::collections::BTreeMap;

use super::errors::ApiError;

/// Deeper brackets than any that Stripe knows.
const DEPTH_MAX: usize = 8;
/// Limits of metadata: docs.stripe.com/api/metadata.
const METADATA_MAX: usize = 50;
const METADATA_NAME_MAX: usize = 40;
const METADATA_VALUE_MAX: usize = 500;

/// Names with texts: what the caller stores with an object.
pub type Metadata = BTreeMap<String, String>;

/// A value: a text, or further values by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Param {
    Text(String),
    Map(BTreeMap<String, Param>),
}

/// Decodes a body or a query string into pairs, in their order.
pub(super) fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// Puts pairs into their tree.
pub(super) fn tree(pairs: &[(String, String)]) -> Result<BTreeMap<String, Param>, ApiError> {
    let mut root = BTreeMap::new();
    for (name, value) in pairs {
        let path = path_of(name).ok_or_else(|| ApiError::invalid(format!("Invalid parameter name: {name}")))?;
        insert(&mut root, &path, value).ok_or_else(|| clash(name))?;
    }
    Ok(root)
}

fn clash(name: &str) -> ApiError {
    ApiError::invalid(format!("Parameter {name} is given both as a value and as a hash or array.")).param(name)
}

/// The parts of `a[b][c]`; an empty part is the next place of an array.
fn path_of(name: &str) -> Option<Vec<&str>> {
    let Some((first, rest)) = name.split_once('[') else {
        return (!name.is_empty() && !name.contains(']')).then(|| vec![name]);
    };
    let inner = rest.strip_suffix(']')?;
    let path: Vec<&str> = std::iter::once(first).chain(inner.split("][")).collect();
    let clean = path.iter().all(|part| !part.contains(['[', ']']));
    (clean && !first.is_empty() && path.len() <= DEPTH_MAX).then_some(path)
}

fn insert(map: &mut BTreeMap<String, Param>, path: &[&str], value: &str) -> Option<()> {
    let (first, rest) = path.split_first()?;
    let name = if first.is_empty() { map.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        // The last of two equal names counts, as in Stripe's own framework.
        return match map.insert(name, Param::Text(value.to_owned())) {
            Some(Param::Map(_)) => None,
            _ => Some(()),
        };
    }
    match map.entry(name).or_insert_with(|| Param::Map(BTreeMap::new())) {
        Param::Map(inner) => insert(inner, rest, value),
        Param::Text(_) => None,
    }
}

/// Reads the parameters of one level. Knows where the level is, to name parameters in errors.
#[derive(Debug, Clone)]
pub(super) struct Params<'a> {
    prefix: String,
    fields: &'a BTreeMap<String, Param>,
}

impl<'a> Params<'a> {
    /// The outermost level.
    pub(super) fn new(fields: &'a BTreeMap<String, Param>) -> Params<'a> {
        Params { prefix: String::new(), fields }
    }

    /// The full name of a parameter of this level.
    pub(super) fn name(&self, field: &str) -> String {
        if self.prefix.is_empty() { field.to_owned() } else { format!("{}[{field}]", self.prefix) }
    }

    /// Refuses parameters that Stripe does not know.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.fields.keys().find(|field| !known.contains(&field.as_str())) {
            Some(field) => {
                let name = self.name(field);
                Err(ApiError::invalid(format!("Received unknown parameter: {name}"))
                    .code("parameter_unknown")
                    .param(name))
            }
            None => Ok(()),
        }
    }

    /// A text; an empty one is none.
    pub(super) fn text(&self, field: &str) -> Result<Option<&'a str>, ApiError> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Param::Text(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(Param::Map(_)) => Err(ApiError::invalid("Invalid string").param(self.name(field))),
        }
    }

    /// A text that has to be there.
    pub(super) fn required(&self, field: &str) -> Result<&'a str, ApiError> {
        self.text(field)?.ok_or_else(|| ApiError::missing(&self.name(field)))
    }

    /// A whole number.
    pub(super) fn integer(&self, field: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let wrong = |_| {
            let error = ApiError::invalid(format!("Invalid integer: {text}"));
            error.code("parameter_invalid_integer").param(self.name(field))
        };
        text.parse().map(Some).map_err(wrong)
    }

    /// A whole number of at least `least`.
    pub(super) fn integer_from(&self, field: &str, least: i64) -> Result<Option<i64>, ApiError> {
        match self.integer(field)? {
            Some(number) if number < least => {
                let error = ApiError::invalid(format!("This value must be greater than or equal to {least}."));
                Err(error.code("parameter_invalid_integer").param(self.name(field)))
            }
            number => Ok(number),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, field: &str) -> Result<Option<bool>, ApiError> {
        match self.text(field)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::invalid(format!("Invalid boolean: {other}")).param(self.name(field))),
        }
    }

    /// A level below this one.
    pub(super) fn map(&self, field: &str) -> Result<Option<Params<'a>>, ApiError> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(Param::Text(text)) if text.is_empty() => Ok(None),
            Some(Param::Text(_)) => Err(ApiError::invalid("Invalid object").param(self.name(field))),
            Some(Param::Map(fields)) => Ok(Some(Params { prefix: self.name(field), fields })),
        }
    }

    /// The elements of an array whose elements are maps, in the order of their numbers.
    pub(super) fn list(&self, field: &str) -> Result<Vec<Params<'a>>, ApiError> {
        let Some(array) = self.map(field)? else { return Ok(Vec::new()) };
        array.places()?.into_iter().map(|place| array.map(place)?.ok_or_else(|| array.not_an_array())).collect()
    }

    /// The elements of an array of texts.
    pub(super) fn texts(&self, field: &str) -> Result<Vec<&'a str>, ApiError> {
        let Some(array) = self.map(field)? else { return Ok(Vec::new()) };
        array.places()?.into_iter().map(|place| array.required(place)).collect()
    }

    fn not_an_array(&self) -> ApiError {
        ApiError::invalid("Invalid array").param(self.prefix.clone())
    }

    fn places(&self) -> Result<Vec<&'a str>, ApiError> {
        let mut places = Vec::with_capacity(self.fields.len());
        for name in self.fields.keys() {
            places.push((name.parse::<u32>().map_err(|_| self.not_an_array())?, name.as_str()));
        }
        places.sort_unstable();
        Ok(places.into_iter().map(|(_, name)| name).collect())
    }

    /// Names with texts, within Stripe's limits.
    pub(super) fn metadata(&self, field: &str) -> Result<Metadata, ApiError> {
        let Some(given) = self.map(field)? else { return Ok(Metadata::new()) };
        let mut metadata = Metadata::new();
        for name in given.fields.keys() {
            let Some(value) = given.text(name)? else { continue };
            let problem = if name.chars().count() > METADATA_NAME_MAX {
                format!("Metadata keys can be at most {METADATA_NAME_MAX} characters.")
            } else if value.chars().count() > METADATA_VALUE_MAX {
                format!("Metadata values can have up to {METADATA_VALUE_MAX} characters.")
            } else if metadata.len() == METADATA_MAX {
                format!("Metadata can have up to {METADATA_MAX} keys.")
            } else {
                metadata.insert(name.clone(), value.to_owned());
                continue;
            };
            return Err(ApiError::invalid(problem).param(given.name(name)));
        }
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoded: &str) -> Result<BTreeMap<String, Param>, ApiError> {
        tree(&pairs(encoded.as_bytes()))
    }

    #[test]
    fn brackets_become_a_tree_and_arrays_keep_their_order() {
        let fields = decoded("a%5Bb%5D%5Bc%5D=1&l[10][x]=k&l[2][x]=b&e[]=one&e[]=two&empty=").expect("a tree");
        let params = Params::new(&fields);
        let inner = params.map("a").unwrap().unwrap().map("b").unwrap().unwrap();
        assert_eq!(inner.integer("c"), Ok(Some(1)));
        assert_eq!(inner.name("c"), "a[b][c]");
        let list: Vec<_> = params.list("l").unwrap().iter().map(|item| item.required("x").unwrap()).collect();
        assert_eq!(list, ["b", "k"]);
        assert_eq!(params.texts("e").unwrap(), ["one", "two"]);
        assert_eq!(params.text("empty"), Ok(None));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        for wrong in ["a=1&a[b]=2", "a[b]=2&a=1", "a[b=1", "[a]=1", "a]b=1", "a[b]c=1", "a[b][c][d][e][f][g][h][i]=1"] {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn metadata_has_limits() {
        let long = format!("metadata[{}]=1", "n".repeat(41));
        let big = format!("metadata[n]={}", "v".repeat(501));
        let many: Vec<String> = (0..51).map(|n| format!("metadata[n{n}]=1")).collect();
        for wrong in [long, big, many.join("&")] {
            let fields = decoded(&wrong).expect("a tree");
            assert!(Params::new(&fields).metadata("metadata").is_err(), "{wrong}");
        }
    }
}
