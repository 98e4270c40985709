//! Settings as people write them, right and wrong.

use clap::Parser;

use super::*;

fn parse(key: &str, webhook: &str) -> anyhow::Result<Accounts> {
    parse_at(key, webhook, API_BASE)
}

fn parse_at(key: &str, webhook: &str, base: &str) -> anyhow::Result<Accounts> {
    let secret = |text: &str| given(Some(SecretString::from(text)));
    Accounts::parse(secret(key).as_ref(), secret(webhook).as_ref(), base)
}

fn secrets(accounts: &Accounts, slug: &str) -> Vec<String> {
    let account = accounts.of(slug).expect("an account");
    account.webhook_secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
}

#[test]
fn one_account_serves_everyone() {
    let accounts = parse(" sk_test_a ", "whsec_a, whsec_b,").expect("accounts");
    assert_eq!(secrets(&accounts, "acme"), ["whsec_a", "whsec_b"]);
    assert_eq!(secrets(&accounts, "other"), ["whsec_a", "whsec_b"]);
    assert!(!accounts.is_empty() && accounts.slugs().next().is_none());
    assert!(parse("rk_test_a", "whsec_a=").is_ok(), "a restricted key; a secret that ends in =");
}

#[test]
fn each_organisation_may_have_its_own() {
    let accounts = parse("acme=sk_live_a,b-2=sk_test_b", "acme=whsec_a|whsec_b, b-2=whsec_c").expect("accounts");
    assert_eq!(secrets(&accounts, "acme"), ["whsec_a", "whsec_b"]);
    assert_eq!(secrets(&accounts, "b-2"), ["whsec_c"]);
    assert!(accounts.of("other").is_none());
    assert!(accounts.of("acme").expect("one").client.is_live() && !accounts.of("b-2").expect("one").client.is_live());
    assert_eq!(accounts.slugs().collect::<Vec<_>>(), ["acme", "b-2"]);
}

#[test]
fn one_account_may_have_a_webhook_per_organisation() {
    let accounts = parse("sk_test_a", "acme=whsec_a,b=whsec_b").expect("accounts");
    assert_eq!(
        (secrets(&accounts, "acme"), secrets(&accounts, "b")),
        (vec!["whsec_a".to_owned()], vec!["whsec_b".to_owned()])
    );
    assert!(accounts.of("other").is_none(), "nobody could verify its webhooks");
}

#[test]
fn nothing_set_is_no_account() {
    let accounts = parse("", " ").expect("nothing");
    assert!(accounts.is_empty() && accounts.of("acme").is_none());
}

#[test]
fn wrong_values_name_the_setting_and_the_remedy_and_no_secret() {
    // Key, webhook secret, what the sentence must hold.
    let table = [
        ("sk_test_HUSH", "", "SUREHOLD_STRIPE_WEBHOOK_SECRET is not"),
        ("", "whsec_HUSH", "SUREHOLD_STRIPE_SECRET_KEY is not"),
        (
            "pk_test_HUSH",
            "whsec_HUSH",
            "SUREHOLD_STRIPE_SECRET_KEY: entry 1 is not a secret key, but a publishable key. Take",
        ),
        ("whsec_HUSH", "sk_test_HUSH", "SUREHOLD_STRIPE_SECRET_KEY: entry 1 is not a secret key, but a webhook's"),
        (
            "sk_test_HUSH",
            "sk_test_HUSH",
            "SUREHOLD_STRIPE_WEBHOOK_SECRET: entry 1 is not a webhook's signing secret, but a secret key. Take",
        ),
        ("HUSH", "whsec_HUSH", "entry 1 is not a secret key. Take"),
        ("sk_", "whsec_HUSH", "entry 1 is not a secret key"),
        ("acme=", "acme=whsec_HUSH", "entry 1 is not a secret key"),
        ("sk_test_HU SH", "whsec_HUSH", "entry 1 is not a secret key"),
        ("sk_test_HÜSH", "whsec_HUSH", "entry 1 is not a secret key"),
        ("sk_test_HUSH,sk_test_HUSH2", "whsec_HUSH", "SUREHOLD_STRIPE_SECRET_KEY holds several keys. Take"),
        ("acme=sk_test_HUSH,sk_test_HUSH", "whsec_HUSH", "entries with an organisation and entries without one"),
        ("acme=sk_test_HUSH,acme=sk_test_HUSH", "acme=whsec_HUSH", "names the organisation acme twice. Keep one"),
        (
            "acme=sk_test_HUSH",
            "acme=whsec_HUSH,acme=whsec_HUSH",
            "twice. Keep one entry; several secrets go into it with |",
        ),
        ("ACME_HUSH=sk_test_HUSH", "whsec_HUSH", "before = in entry 1 is no organisation's slug"),
        ("a=sk_test_HUSH,pk_HUSH=sk_test_HUSH", "whsec_HUSH", "before = in entry 2 is no organisation's slug"),
        ("acme=sk_test_HUSH", "whsec_HUSH", "SUREHOLD_STRIPE_SECRET_KEY names organisations, but"),
        (
            "a=sk_test_HUSH,b=sk_test_HUSH",
            "a=whsec_HUSH",
            "organisation b, but SUREHOLD_STRIPE_WEBHOOK_SECRET does not",
        ),
        ("a=sk_test_HUSH", "a=whsec_HUSH,b=whsec_HUSH", "organisation b, but SUREHOLD_STRIPE_SECRET_KEY does not"),
        ("sk_test_HUSH", "whsec_HUSH|", "entry 1 is not a webhook's signing secret"),
        ("sk_test_HUSH", ",,", "SUREHOLD_STRIPE_WEBHOOK_SECRET is set, but holds nothing"),
    ];
    for (key, webhook, expected) in table {
        let error = format!("{:#}", parse(key, webhook).expect_err(expected));
        assert!(error.contains(expected), "{error}\n  lacks {expected}");
        assert!(error.contains("SUREHOLD_STRIPE_"), "{error}");
        assert!(!error.contains("HUSH") && !error.contains("HÜSH"), "{error}");
    }
}

#[test]
fn the_place_of_the_api_is_checked() {
    assert!(parse_at("sk_test_a", "whsec_a", "http://127.0.0.1:12111/").is_ok());
    assert!(parse_at("sk_live_a", "whsec_a", " ").is_ok(), "empty is the default");
    let error = parse_at("sk_test_a", "whsec_a", "stripe").expect_err("no URL").to_string();
    assert!(error.starts_with("SUREHOLD_STRIPE_API_BASE: ") && error.contains("It looks like this: https"), "{error}");
    let error = parse_at("sk_live_HUSH", "whsec_a", "http://127.0.0.1:12111").expect_err("in the clear").to_string();
    assert!(error.contains("SUREHOLD_STRIPE_API_BASE is not https") && !error.contains("HUSH"), "{error}");
    assert!(parse_at("a=sk_test_a,b=rk_live_b", "a=whsec_a,b=whsec_b", "http://x.example").is_err());
    assert!(parse_at("sk_live_a", "whsec_a", "HTTPS://api.stripe.com").is_ok());
}

#[test]
fn secrets_do_not_print() {
    let accounts = parse("acme=sk_test_HUSH", "acme=whsec_HUSH").expect("accounts");
    assert!(!format!("{accounts:?} {:?}", accounts.of("acme")).contains("HUSH"));
}

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    stripe: StripeArgs,
}

#[test]
fn flags_make_accounts() {
    let flags = ["program", "--stripe-secret-key", "sk_test_HUSH", "--stripe-webhook-secret", "whsec_HUSH"];
    let program = Program::try_parse_from(flags).expect("flags");
    assert!(!format!("{program:?}").contains("HUSH"));
    let accounts = program.stripe.accounts().expect("accounts");
    assert_eq!(secrets(&accounts, "acme"), ["whsec_HUSH"]);
}
