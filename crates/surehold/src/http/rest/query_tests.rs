//! Whatever a caller writes: the parser does not panic, and no word of it gets into the SQL.

use axum::http::HeaderMap;
use proptest::prelude::*;
use uuid::Uuid;

use super::query;
use super::request::Profile;
use crate::http::error::ApiError;
use crate::store::drop_in::catalogue::{VIEWS, View};
use crate::store::drop_in::query::{Claim, Condition, Said};
use crate::store::drop_in::statement::{Parameter, Statement};

const PROFILE: Profile = Profile { schema: "public" };
/// Stands in every value that the tests make; no word of ours contains it.
const MARK: &str = "zqxj";

fn statement(view: &'static View, text: &str) -> Result<Statement, ApiError> {
    let query = query::parse(PROFILE, view, text, &HeaderMap::new(), 1000)?;
    Ok(Statement::of(Uuid::nil(), &query))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A value with the mark in it, and with everything that could end a literal, a list or a name around it.
fn value() -> impl Strategy<Value = String> {
    let around = "[a-z'\"\\\\(),.;:$%*{} -]{0,12}";
    (around, around).prop_map(|(before, after)| format!("{before}{MARK}{after}"))
}

/// A query string of filters that are well formed around such values.
fn query_string() -> impl Strategy<Value = (usize, String)> {
    let filter = (0..VIEWS.len(), any::<prop::sample::Index>(), 0..12_usize, value());
    filter.prop_map(|(view, column, sort, value)| {
        let columns = VIEWS[view].columns;
        let name = columns[column.index(columns.len())].name;
        let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        let (key, text) = match sort {
            0..8 => {
                let operator = ["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike"][sort];
                (name.to_owned(), format!("{operator}.{value}"))
            }
            8 => (name.to_owned(), format!("not.in.({quoted},b)")),
            9 => (name.to_owned(), format!("in.({quoted})")),
            10 => ("or".to_owned(), format!("({name}.eq.{quoted},and({name}.like.{quoted},{name}.is.null))")),
            _ => (
                "select".to_owned(),
                format!("{}:{name}", value.replace(['(', ')', ',', ':', '"'], "_").replace("->", "_")),
            ),
        };
        (view, format!("{key}={}", encoded(&text)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_value_is_ever_in_the_text((view, text) in query_string()) {
        let statement = statement(&VIEWS[view], &text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        prop_assert!(!statement.text.contains(MARK), "{}", statement.text);
        let is_bound = statement.values.iter().any(|value| match value {
            Parameter::Text(text) => text.to_lowercase().contains(MARK),
            Parameter::Texts(texts) => texts.iter().any(|text| text.to_lowercase().contains(MARK)),
            _ => false,
        });
        prop_assert!(is_bound, "{text}: {:?}", statement.values);
    }

    #[test]
    fn no_value_that_is_compared_is_ever_in_the_text(view in 0..VIEWS.len(), value in value()) {
        let view = &VIEWS[view];
        let said = |column| [Said::Text(value.clone()), Said::Texts(vec![value.clone()])].map(|said| (column, said));
        let claim = Claim {
            view,
            conditions: view.columns.iter().map(|column| Condition::In(column, vec![value.clone()])).collect(),
            values: view.columns.iter().flat_map(said).collect(),
            limit: 1,
        };
        let text = Statement::of_claim(Uuid::nil(), &claim).text;
        prop_assert!(!text.to_lowercase().contains(MARK), "{text}");
        prop_assert!(text.contains(&format!(" FROM drop_in.\"{}\" AS v WHERE v.org_id = $1 AND ", view.name)), "{text}");
    }

    #[test]
    fn nothing_makes_it_panic(view in 0..VIEWS.len(), text in any::<String>(), shape in "[a-z_.(),\"\\\\:*=&+%0-9é-]{0,60}") {
        for text in [text.as_str(), shape.as_str()] {
            for query in [
                text.to_owned(),
                format!("select={text}"),
                format!("order={text}"),
                format!("or={text}"),
                format!("not.and=({text})"),
                format!("id={text}"),
                format!("id=in.{text}"),
                format!("limit={text}&offset={text}"),
            ] {
                let _ = statement(&VIEWS[view], &query);
            }
        }
    }
}

fn sql(query: &str) -> String {
    let view = View::named("trips").expect("a view");
    let text = statement(view, query).unwrap_or_else(|error| panic!("{query}: {error:?}")).text;
    let rows = text.split(" WHERE v.org_id = $1").nth(1).expect("rows of one organisation");
    rows.split(" LIMIT ").next().unwrap_or_default().to_owned()
}

#[test]
fn filters_become_conditions_on_parameters() {
    assert_eq!(sql(""), "");
    assert_eq!(sql("status=eq.booked"), " AND (v.\"status\" = $2::text)");
    assert_eq!(
        sql("total=gte.10&total=lt.20"),
        " AND (v.\"total\" >= $2::text::numeric) AND (v.\"total\" < $3::text::numeric)"
    );
    assert_eq!(sql("status=not.in.(a,b)"), " AND NOT (v.\"status\" = ANY ($2::text[]))");
    assert_eq!(sql("id=is.NULL"), " AND (v.\"id\" IS NULL)");
    assert_eq!(
        sql("or=(status.eq.a,and(status.not.is.null,total.gt.1))"),
        " AND ((v.\"status\" = $2::text) OR (NOT (v.\"status\" IS NULL) AND (v.\"total\" > $3::text::numeric)))"
    );
    assert_eq!(
        sql("not.or=(status.eq.a)&order=total.desc.nullslast,id"),
        " AND NOT ((v.\"status\" = $2::text)) ORDER BY v.\"total\" DESC NULLS LAST, v.\"id\""
    );
}

/// A repeat of the organisation's condition anywhere else could let a caller replace it.
#[test]
fn the_organisation_is_named_once_and_first() {
    for view in VIEWS {
        let text = statement(view, "id=eq.x&or=(id.eq.y,id.eq.z)").expect("a statement").text;
        assert!(text.contains(&format!("FROM drop_in.\"{}\" AS v WHERE v.org_id = $1 AND (", view.name)), "{text}");
    }
}

#[test]
fn a_number_that_callers_kept_finds_its_rows_through_an_index_unless_it_is_negated() {
    let bookings = View::named("hubspot_bookings").expect("a view");
    let found = |query| statement(bookings, query).expect("a statement").text.contains("hubspot_links");
    assert!(
        found("mock_exam_id=eq.7")
            && found("associated_mock_exam=in.(7,8)")
            && found("or=(mock_exam_id.eq.7,id.is.null)")
    );
    // NOT would take rows in whose value is unknown.
    assert!(!found("mock_exam_id=not.eq.7") && !found("not.or=(mock_exam_id.eq.7)") && !found("mock_exam_id=gt.7"));
}

#[test]
fn what_cannot_be_understood_is_named_with_its_place() {
    let wrong = |query: &str| {
        let view = View::named("bookings").expect("a view");
        let error = statement(view, query).expect_err(query);
        (error.code, error.sentence, error.details.and_then(|d| d.as_str().map(str::to_owned)).unwrap_or_default())
    };
    let (code, message, details) = wrong("id=noop.0");
    assert_eq!((code, message.as_str()), ("PGRST100", "\"failed to parse filter (noop.0)\" (line 1, column 6)"));
    assert_eq!(details, "unknown single value operator noop");
    for (query, place) in [
        ("foo=bar", "column 4"),
        ("id=in.a", "column 4"),
        ("id=in.(a", "column 6"),
        ("id=in.(\"a", "column 7"),
        ("id=in.(a)b", "column 7"),
        ("id=is.maybe", "column 9"),
        ("order=id.up", "failed to parse order (id.up)"),
        ("order=,id", "failed to parse order"),
        ("or=id.eq.1", "failed to parse logic tree"),
        ("or=(id.eq.1", "failed to parse logic tree"),
        ("or=()", "failed to parse logic tree"),
        ("or=(or(or(or(or(or(id.eq.1))))))", "failed to parse logic tree"),
        ("select=id::text", "failed to parse select parameter (id::text)"),
        ("select=id,,status", "failed to parse select parameter"),
    ] {
        let (code, message, details) = wrong(query);
        assert!(code == "PGRST100" && message.contains(place), "{query}: {code} {message} {details}");
    }
    assert_eq!(wrong("nope=eq.1").1, "column bookings.nope does not exist");
    assert_eq!(wrong("select=trips(id)").0, "PGRST200");
    assert_eq!(wrong("select=id.count()").0, "PGRST123");
    assert_eq!(wrong("trips.id=eq.1").0, "PGRST108");
    assert_eq!(wrong("id=eq.%00").0, "22021");
    let many = (0..51).map(|n| format!("id=eq.{n}")).collect::<Vec<_>>().join("&");
    assert!(wrong(&many).2.contains("at most 50 filters"));
    let many = (0..1001).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert!(wrong(&format!("id=in.({many})")).2.contains("at most 1000 values"));
}
