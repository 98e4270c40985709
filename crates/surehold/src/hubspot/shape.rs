//! What a property of ours is, and whether a portal's property can be it.

use super::properties::{NewProperty, Property, PropertyOption};

/// What a property's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any text.
    Text,
    /// A text that no two records have.
    Unique,
    /// A whole number.
    Number,
    /// A day: `2026-10-23`.
    Date,
    /// An instant, in milliseconds since 1970.
    DateTime,
    /// `true` or `false`.
    Bool,
}

impl Shape {
    /// HubSpot's `type` and `fieldType`.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Shape::Text | Shape::Unique => ("string", "text"),
            Shape::Number => ("number", "number"),
            Shape::Date => ("date", "date"),
            Shape::DateTime => ("datetime", "date"),
            Shape::Bool => ("bool", "booleancheckbox"),
        }
    }

    /// Whether values of this shape can be written into an existing property of this `type`. Texts take everything;
    /// a list of choices refuses what it does not have, which is found out by writing.
    fn fits(self, kind: &str) -> bool {
        match kind {
            "string" => true,
            "enumeration" => !matches!(self, Shape::Unique | Shape::Date | Shape::DateTime),
            kind => kind == self.words().0,
        }
    }
}

/// A property that we need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name for programs.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What its values are.
    pub shape: Shape,
}

impl Planned {
    pub(super) fn new(name: &str, label: &str, shape: Shape) -> Planned {
        Planned { name: name.to_owned(), label: label.to_owned(), shape }
    }

    /// How it is made in a group.
    pub fn definition(&self, group: &str) -> NewProperty {
        let (kind, field_type) = self.shape.words();
        let choices: &[(&str, &str)] =
            if self.shape == Shape::Bool { &[("Yes", "true"), ("No", "false")] } else { &[] };
        let options = choices.iter().zip(0..).map(|((label, value), display_order)| PropertyOption {
            label: (*label).to_owned(),
            value: (*value).to_owned(),
            display_order,
            hidden: false,
        });
        NewProperty {
            name: self.name.clone(),
            label: self.label.clone(),
            description: "Written by Surehold".to_owned(),
            kind,
            field_type,
            group_name: group.to_owned(),
            has_unique_value: self.shape == Shape::Unique,
            options: options.collect(),
        }
    }

    /// Why a portal's property of this name cannot be it, if so: a sentence with the remedy. No existing property can
    /// be made unique.
    pub fn misfit(&self, existing: &Property) -> Option<String> {
        let name = &self.name;
        if existing.calculated {
            return Some(format!("the property {name} is computed by HubSpot and cannot be written. Map another name"));
        }
        if self.shape == Shape::Unique && !existing.has_unique_value {
            return Some(format!(
                "the property {name} is not unique, and cannot be made so. Map another name, or remove it at HubSpot \
                 for good"
            ));
        }
        if !self.shape.fits(&existing.kind) {
            let (kind, _) = self.shape.words();
            return Some(format!("the property {name} is a {}, not a {kind}. Map another name", existing.kind));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn property(kind: &str, has_unique_value: bool) -> Property {
        Property { name: "x".to_owned(), kind: kind.to_owned(), has_unique_value, ..Property::default() }
    }

    #[test]
    fn a_definition_is_what_hubspot_asks_for() {
        let unique = Planned::new("surehold_id", "Surehold ID", Shape::Unique).definition("surehold");
        assert_eq!(
            serde_json::to_value(&unique).expect("JSON"),
            json!({
                "name": "surehold_id", "label": "Surehold ID", "description": "Written by Surehold", "type": "string",
                "fieldType": "text", "groupName": "surehold", "hasUniqueValue": true,
            })
        );
        let bool = serde_json::to_value(Planned::new("x", "X", Shape::Bool).definition("g")).expect("JSON");
        assert_eq!((&bool["type"], &bool["fieldType"]), (&json!("bool"), &json!("booleancheckbox")));
        assert_eq!(bool["options"][0], json!({"label": "Yes", "value": "true", "displayOrder": 0, "hidden": false}));
        assert_eq!(bool["options"][1]["value"], "false");
    }

    #[test]
    fn a_property_that_cannot_hold_it_is_named() {
        // Shape, type at the portal, whether unique there, part of the sentence.
        let table = [
            (Shape::Text, "string", false, None),
            (Shape::Text, "enumeration", false, None),
            (Shape::Text, "number", false, Some("is a number, not a string")),
            (Shape::Unique, "string", true, None),
            (Shape::Unique, "string", false, Some("is not unique")),
            (Shape::Unique, "enumeration", true, Some("is a enumeration, not a string")),
            (Shape::Number, "number", false, None),
            (Shape::Number, "string", false, None),
            (Shape::Number, "date", false, Some("is a date, not a number")),
            (Shape::Date, "date", false, None),
            (Shape::Date, "datetime", false, Some("is a datetime, not a date")),
            (Shape::DateTime, "datetime", false, None),
            (Shape::DateTime, "date", false, Some("is a date, not a datetime")),
            (Shape::Bool, "bool", false, None),
            (Shape::Bool, "enumeration", false, None),
            (Shape::Bool, "number", false, Some("is a number, not a bool")),
        ];
        for (shape, kind, is_unique, expected) in table {
            let misfit = Planned::new("x", "X", shape).misfit(&property(kind, is_unique));
            match expected {
                None => assert_eq!(misfit, None, "{shape:?} {kind}"),
                Some(part) => assert!(misfit.is_some_and(|text| text.contains(part)), "{shape:?} {kind}"),
            }
        }
        let computed = Property { calculated: true, ..property("string", false) };
        assert!(Planned::new("x", "X", Shape::Text).misfit(&computed).expect("a misfit").contains("computed"));
    }
}
