//! The setting as people write it, right and wrong.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    redis: RedisArgs,
}

fn redises(url: &str) -> anyhow::Result<Redises> {
    Program::try_parse_from(["program", "--redis-url", url]).expect("a flag").redis.redises()
}

#[test]
fn one_redis_serves_the_only_organisation() {
    for url in [
        " redis://:HUSH@redis.example.org:6379/1 ",
        "rediss://user:HUSH=@redis.example.org",
        "unix:///run/redis.sock?pass=HUSH",
        "redis+unix:///run/redis.sock",
    ] {
        let redises = redises(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(!redises.is_empty() && redises.of("acme").is_some() && redises.slugs().next().is_none());
        redises.check_orgs(&["acme"]).expect("one");
        redises.check_orgs(&[]).expect("none yet");
        let error = redises.check_orgs(&["acme", "other"]).expect_err("two in one Redis").to_string();
        assert!(
            error.starts_with("SUREHOLD_REDIS_URL") && error.ends_with("Say whose it is: acme=redis://…"),
            "{error}"
        );
    }
}

#[test]
fn each_organisation_may_have_its_own() {
    let redises = redises("acme=redis://one.example.org,b-2=redis://:HUSH@two.example.org/?x=y").expect("two");
    assert_eq!(redises.slugs().collect::<Vec<_>>(), ["acme", "b-2"]);
    assert!(redises.of("acme").is_some() && redises.of("b-2").is_some() && redises.of("other").is_none());
    redises.check_orgs(&["acme", "b-2", "other"]).expect("each has its own, or none");
}

#[test]
fn nothing_is_none() {
    assert!(Redises::default().is_empty() && Redises::default().of("acme").is_none());
    Redises::default().check_orgs(&["acme", "other"]).expect("none");
}

#[test]
fn what_is_wrong_is_said_without_quoting_it() {
    for url in [
        "HUSH",
        "http://:HUSH@redis.example.org",
        "redis://:HUSH@redis.example.org:port",
        "redis://:HUSH@redis.example.org/not-a-number",
        "redis://:HU,SH@redis.example.org",
        "redis://:HUSH@one,acme=redis://:HUSH@two",
        "redis://one,redis://:HUSH@two",
        "Acme=redis://:HUSH@one",
    ] {
        let error = redises(url).err().unwrap_or_else(|| panic!("{url} was taken")).to_string();
        assert!(error.starts_with("SUREHOLD_REDIS_URL") && error.contains("redis://"), "{error}");
        assert!(!error.contains("HU"), "{error}");
    }
}
