//! Settings as people write them, right and wrong.

use clap::Parser;

use super::*;

const TOKEN: &str = "pat-test-HUSH";
const CLIENT: &str = "00000000-HUSH-0000-0000-000000000000";

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    hubspot: HubSpotArgs,
}

fn args(flags: &[&str]) -> HubSpotArgs {
    let program = Program::try_parse_from([&["program"], flags].concat());
    program.unwrap_or_else(|error| panic!("{flags:?}: {error}")).hubspot
}

fn portals(token: &str, client: &str, cron: &str) -> anyhow::Result<Portals> {
    portals_with(&[], token, client, cron)
}

fn portals_with(flags: &[&str], token: &str, client: &str, cron: &str) -> anyhow::Result<Portals> {
    let secret = |text: &str| given(Some(SecretString::from(text)));
    args(flags).portals_of(&Secrets { token: secret(token), client: secret(client), cron: secret(cron) })
}

fn texts(secrets: &[SecretString]) -> Vec<&str> {
    secrets.iter().map(ExposeSecret::expose_secret).collect()
}

#[test]
fn one_portal_serves_the_only_organisation() {
    let portals =
        portals(" pat-na1-a ", "client-secret-one, client-secret-two", "cron-secret-with-padding==").expect("portals");
    let portal = portals.of("acme").expect("a portal");
    assert_eq!(texts(&portal.client_secrets), ["client-secret-one", "client-secret-two"]);
    assert_eq!(texts(&portal.cron_secrets), ["cron-secret-with-padding=="]);
    assert_eq!(*portal.mapping, Mapping::default());
    assert!(!portals.is_empty() && portals.slugs().next().is_none());
    portals.check_orgs(&["acme"]).expect("one");
    portals.check_orgs(&[]).expect("none yet");
    let error = portals.check_orgs(&["acme", "other"]).expect_err("two in one portal").to_string();
    assert!(error.contains("several organisations (acme, other)") && error.contains("acme=pat-…"), "{error}");
}

#[test]
fn each_organisation_may_have_its_own() {
    let portals =
        portals("acme=pat-na1-a,b-2=pat-eu1-b", "acme=client-secret-one|client-secret-two", "a-cron-secret-for-all")
            .expect("portals");
    assert_eq!(texts(&portals.of("acme").expect("one").client_secrets), ["client-secret-one", "client-secret-two"]);
    assert!(portals.of("b-2").expect("one").client_secrets.is_empty(), "no webhooks");
    assert_eq!(texts(&portals.of("b-2").expect("one").cron_secrets), ["a-cron-secret-for-all"]);
    assert!(portals.of("other").is_none());
    assert_eq!(portals.slugs().collect::<Vec<_>>(), ["acme", "b-2"]);
    portals.check_orgs(&["acme", "b-2"]).expect("each has its own");
    let one = self::portals("pat-test-x", "acme=client-secret-one", "b=a-cron-secret-for-b").expect("one portal");
    assert_eq!(one.slugs().collect::<Vec<_>>(), ["acme", "b"], "wherever they were named");
}

#[test]
fn a_portal_has_one_limiter_however_many_organisations_use_it() {
    let portals = portals("a=pat-test-x,b=pat-test-x,c=pat-test-y", "", "").expect("portals");
    let limiter = |slug: &str| portals.of(slug).expect("one").client.limiter().clone();
    assert!(limiter("a").is(&limiter("b")) && !limiter("a").is(&limiter("c")));
}

#[test]
fn nothing_set_is_no_portal() {
    let none = portals("", " ", "").expect("nothing");
    assert!(none.is_empty() && none.of("acme").is_none());
    assert!(portals("", "", "somebody-elses-cron-secret").expect("nothing").is_empty());
    none.check_orgs(&["a", "b"]).expect("nothing is mirrored");
}

#[test]
fn wrong_values_name_the_setting_and_the_remedy_and_no_secret() {
    // Token, client secret, cron secret, what the sentence must hold.
    let table = [
        ("", CLIENT, "", "SUREHOLD_HUBSPOT_ACCESS_TOKEN is not. Set it to the portal's access token"),
        ("HUSH", "", "", "SUREHOLD_HUBSPOT_ACCESS_TOKEN: entry 1 is not an access token of HubSpot. Take"),
        ("sk_test_HUSH", "", "", "entry 1 is not an access token of HubSpot, but a secret key. Take"),
        ("pat-", "", "", "entry 1 is not an access token"),
        ("pat-HU SH", "", "", "entry 1 is not an access token"),
        ("pat-HUSH,pat-HUSH2", "", "", "SUREHOLD_HUBSPOT_ACCESS_TOKEN holds several tokens. Take"),
        ("acme=pat-HUSH,pat-HUSH", "", "", "entries with an organisation and entries without one"),
        ("ACME=pat-HUSH", "", "", "before = in entry 1 is no organisation's slug"),
        (
            TOKEN,
            TOKEN,
            "",
            "SUREHOLD_HUBSPOT_CLIENT_SECRET: entry 1 is not a client secret of HubSpot, but an access token",
        ),
        (TOKEN, "HUSH", "", "SUREHOLD_HUBSPOT_CLIENT_SECRET: entry 1 is not a client secret of HubSpot. Take"),
        (TOKEN, "", "HUSH", "SUREHOLD_CRON_SECRET: entry 1 is not a secret for callers: 16 characters at least"),
        (TOKEN, "", "A-HUSH-in-the-middle=of-it", "before = in entry 1 is no organisation's slug"),
        (
            "a=pat-HUSH",
            "b=client-secret-HUSH",
            "",
            "SUREHOLD_HUBSPOT_CLIENT_SECRET names the organisation b, but SUREHOLD_HUBSPOT_ACCESS",
        ),
        (
            "a=pat-HUSH",
            "",
            "b=cron-secret-is-HUSH",
            "SUREHOLD_CRON_SECRET names the organisation b, but SUREHOLD_HUBSPOT_ACCESS",
        ),
    ];
    for (token, client, cron, expected) in table {
        let error = format!("{:#}", portals(token, client, cron).expect_err(expected));
        assert!(error.contains(expected), "{error}\n  lacks {expected}");
        assert!(error.contains("SUREHOLD_") && !error.contains("HUSH"), "{error}");
    }
}

#[test]
fn the_place_of_the_api_is_checked() {
    let at = |base: &str, token: &str| portals_with(&["--hubspot-api-base", base], token, "", "");
    for base in ["http://127.0.0.1:12112/", "http://localhost:1", "http://[::1]:1", "https://x.example", " "] {
        at(base, "pat-na1-x").unwrap_or_else(|error| panic!("{base}: {error:#}"));
    }
    at("http://hubspot:12112", "pat-test-x").expect("a made-up token");
    let error = format!("{:#}", at("http://hubspot:12112", "pat-na1-HUSH").expect_err("in the clear"));
    assert!(error.contains("SUREHOLD_HUBSPOT_API_BASE is not https") && !error.contains("HUSH"), "{error}");
    let error = format!("{:#}", at("hubspot", TOKEN).expect_err("no URL"));
    assert!(error.starts_with("SUREHOLD_HUBSPOT_API_BASE: ") && error.contains("It looks like this: https"), "{error}");
    let wrong =
        portals_with(&["--hubspot-objects-path", "/crm/v9/objects"], TOKEN, "", "").expect_err("no such version");
    let wrong = format!("{wrong:#}");
    assert!(wrong.starts_with("SUREHOLD_HUBSPOT_OBJECTS_PATH: ") && wrong.contains("/crm/v3/objects"), "{wrong}");
    for path in ["/crm/objects/2026-09", " "] {
        portals_with(&["--hubspot-objects-path", path], TOKEN, "", "").expect("a dated one, and the default");
    }
}

#[test]
fn real_tokens_are_told_from_made_up_ones() {
    for token in ["pat-na1-0000", "pat-eu1-0000", "pat-ap1-x", "pat-na2-x"] {
        assert!(is_live(token), "{token}");
    }
    for token in ["pat-test-1", "pat-x", "pat-", "pat-1-x", "pat-demo1-x", ""] {
        assert!(!is_live(token), "{token}");
    }
}

#[test]
fn mappings_are_files_for_everyone_or_each() {
    let folder = std::env::temp_dir().join(format!("surehold-mapping-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let good = file("good file.json", r#"{"sessions": {"object": "2-7"}}"#);
    let bad = file("bad.json", r#"{"sessions": {"object": "x"}}"#);
    let with = |setting: &str| portals_with(&["--hubspot-mapping", setting], "a=pat-test-x,b=pat-test-y", "", "");
    let session_of = |portals: &Portals, slug: &str| portals.of(slug).expect("one").mapping.sessions.object.clone();

    let everyone = with(&good).expect("portals");
    assert_eq!((session_of(&everyone, "a"), session_of(&everyone, "b")), ("2-7".to_owned(), "2-7".to_owned()));
    let one = with(&format!("a={good}")).expect("portals");
    assert_eq!((session_of(&one, "a"), session_of(&one, "b")), ("2-7".to_owned(), "2-50158913".to_owned()));
    for (setting, expected) in [
        (bad.clone(), "bad.json cannot be used: sessions.object: \"x\" is no type"),
        (format!("a={good},{good}"), "has several entries, and one without an organisation"),
        (format!("a={good},a={good}"), "names the organisation a twice"),
        (format!("c={good}"), "names the organisation c, but SUREHOLD_HUBSPOT_ACCESS_TOKEN does not"),
        ("/no/such/file".to_owned(), "cannot read /no/such/file"),
    ] {
        let error = format!("{:#}", with(&setting).expect_err(expected));
        assert!(error.starts_with("SUREHOLD_HUBSPOT_MAPPING") && error.contains(expected), "{error}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn flags_have_defaults_and_limits() {
    let defaults = args(&[]);
    assert_eq!((defaults.hubspot_calls_per_10s, defaults.hubspot_associations_per_10s), (100, 100));
    assert_eq!(defaults.hubspot_sync_every, Duration::from_secs(7_200));
    assert_eq!(args(&["--hubspot-calls-per-10s", "190"]).hubspot_calls_per_10s, 190);
    for (flag, value, expected) in [
        ("--hubspot-calls-per-10s", "200", "must be one of: 100, 110, 190, 250"),
        ("--hubspot-associations-per-10s", "0", "must be one of: 100, 150"),
        ("--hubspot-sync-every", "0s", "must be a time from 1s to 24h"),
        ("--hubspot-sync-every", "25h", "must be a time from 1s to 24h"),
        ("--hubspot-sync-every", "soon", "must be a time from 1s to 24h"),
        ("--hubspot-sync-every", "-5s", "must be a time from 1s to 24h"),
    ] {
        let flag = format!("{flag}={value}");
        let error = Program::try_parse_from(["program", &flag]).expect_err(value).to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (text, seconds) in [("2h", 7_200), ("15m", 900), ("90s", 90), ("45", 45), ("1h 30m", 5_400), (" 24h ", 86_400)]
    {
        assert_eq!(interval(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn secrets_do_not_print() {
    let flags =
        ["--hubspot-access-token", TOKEN, "--hubspot-client-secret", CLIENT, "--cron-secret", "cron-secret-HUSH"];
    let args = args(&flags);
    assert!(args.is_given());
    let portals = args.portals().expect("portals");
    let portal = portals.of("acme").expect("a portal");
    assert_eq!(texts(&portal.client_secrets), [CLIENT]);
    let text = format!("{args:?} {portals:?} {portal:?}");
    assert!(!text.contains("HUSH"), "{text}");
}
