//! What cannot be answered, in PostgREST's words.

use serde_json::json;

use super::open;

/// Query, status, code, message; and what details or hint say, if that matters.
const WRONG: &[(&str, u16, &str, &str, &str)] = &[
    // Names
    (
        "bookigns",
        404,
        "PGRST205",
        "Could not find the table 'public.bookigns' in the schema cache",
        "Perhaps you meant the table 'public.bookings'",
    ),
    ("vendors", 404, "PGRST205", "Could not find the table 'public.vendors' in the schema cache", ""),
    ("hubspot_bookings?select=id,nope", 400, "42703", "column hubspot_bookings.nope does not exist", ""),
    ("hubspot_bookings?nope=eq.1", 400, "42703", "column hubspot_bookings.nope does not exist", ""),
    ("hubspot_bookings?order=nope", 400, "42703", "column hubspot_bookings.nope does not exist", ""),
    ("hubspot_bookings?or=(id.is.null,nope.eq.1)", 400, "42703", "column hubspot_bookings.nope does not exist", ""),
    // What the server has for itself is no column.
    ("hubspot_bookings?key_slot=is.null", 400, "42703", "column hubspot_bookings.key_slot does not exist", ""),
    ("hubspot_bookings?select=org_id", 400, "42703", "column hubspot_bookings.org_id does not exist", ""),
    // Values, which PostgreSQL judges
    ("bookings?id=eq.x", 400, "22P02", "invalid input syntax for type uuid: \"x\"", ""),
    ("bookings?id=in.(x)", 400, "22P02", "invalid input syntax for type uuid: \"x\"", ""),
    (
        "hubspot_bookings?updated_at=gt.hubspot_last_sync_at",
        400,
        "22007",
        "invalid input syntax for type timestamp with time zone: \"hubspot_last_sync_at\"",
        "",
    ),
    (
        "experience_slots?slot_date=eq.2030-13-01",
        400,
        "22008",
        "date/time field value out of range: \"2030-13-01\"",
        "datestyle",
    ),
    ("experience_slots?total_capacity=eq.many", 400, "22P02", "invalid input syntax for type integer: \"many\"", ""),
    (
        "experience_slots?total_capacity=eq.99999999999",
        400,
        "22003",
        "value \"99999999999\" is out of range for type integer",
        "",
    ),
    ("audit_logs?metadata=eq.%7B", 400, "22P02", "invalid input syntax for type json", ""),
    (
        "bookings?id=like.*1*",
        404,
        "42883",
        "operator does not exist: uuid ~~ text",
        "No operator matches the given name and argument types",
    ),
    ("bookings?reference=is.true", 400, "42804", "argument of IS TRUE must be type boolean, not type text", ""),
    ("bookings?reference=eq.%00", 400, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00", ""),
    ("bookings?reference=like.%5C", 400, "22025", "LIKE pattern must not end with escape character", ""),
    // The language
    (
        "bookings?id=noop.0",
        400,
        "PGRST100",
        "\"failed to parse filter (noop.0)\" (line 1, column 6)",
        "unknown single value operator noop",
    ),
    ("bookings?foo=bar", 400, "PGRST100", "\"failed to parse filter (bar)\" (line 1, column 4)", ""),
    ("bookings?id=fts.x", 400, "PGRST100", "\"failed to parse filter (fts.x)\" (line 1, column 5)", ""),
    ("bookings?or=(id.eq)", 400, "PGRST100", "\"failed to parse logic tree ((id.eq))\" (line 1, column 7)", ""),
    ("bookings?order=id.sideways", 400, "PGRST100", "\"failed to parse order (id.sideways)\" (line 1, column 3)", ""),
    (
        "bookings?select=id::text",
        400,
        "PGRST100",
        "\"failed to parse select parameter (id::text)\" (line 1, column 1)",
        "",
    ),
    (
        "audit_logs?select=metadata->>x",
        400,
        "PGRST100",
        "\"failed to parse select parameter (metadata->>x)\" (line 1, column 1)",
        "",
    ),
    (
        "bookings?select=*,trips(*)",
        400,
        "PGRST200",
        "Could not find a relationship between 'bookings' and 'trips' in the schema cache",
        "foreign key relationship",
    ),
    ("bookings?select=id.count()", 400, "PGRST123", "Use of aggregate functions is not allowed", ""),
    (
        "bookings?trips.status=eq.booked",
        400,
        "PGRST108",
        "'trips' is not an embedded resource in this request",
        "included in the 'select' query parameter",
    ),
    // Rows that cannot be
    (
        "bookings?limit=-1",
        416,
        "PGRST103",
        "Requested range not satisfiable",
        "Limit should be greater than or equal to zero.",
    ),
    ("bookings/more", 404, "PGRST125", "Invalid path specified in request URL", ""),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_answered_is_said_in_postgrests_words() {
    let (api, _) = open().await;
    for (query, status, code, message, more) in WRONG {
        let answer = api.rest(query).await;
        answer.fails(*status, code, message);
        let said = format!("{} {}", answer.body["details"], answer.body["hint"]);
        assert!(said.contains(more), "{query}: {said}");
        if more.is_empty() && *code != "PGRST100" && *code != "22P02" && *code != "PGRST123" {
            assert_eq!(answer.body["hint"], json!(null), "{query}");
        }
    }
    // Any of them leaves the connection as good as it was.
    assert_eq!(api.found("bookings").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_ask_for_what_there_is_not() {
    let (api, _) = open().await;
    let schema = api.rest("bookings").header("accept-profile", "private").await;
    schema.fails(406, "PGRST106", "Invalid schema: private");
    assert_eq!(schema.body["hint"], "Only the following schemas are exposed: public, hubspot_sync");
    let csv = api.rest("bookings").header("accept", "text/csv").await;
    csv.fails(406, "PGRST107", "None of these media types are available: text/csv");
    let range = api.rest("bookings").header("range", "1-0").await;
    range.fails(416, "PGRST103", "Requested range not satisfiable");
    assert!(range.body["details"].as_str().unwrap().contains("lower boundary"));
    // A browser asks for pages first, and takes anything.
    api.rest("bookings").header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8").await.is(200);
}
