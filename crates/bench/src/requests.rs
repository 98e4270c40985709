//! The requests of each workload, the same for every contestant of a round.

use std::sync::Arc;

use axum::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Method, Uri};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use uuid::Uuid;

use crate::load::{Item, RequestSet};
use crate::workload::Target;
use crate::world::{Org, World, email, student_id};

/// A repeat is of a request at least so many earlier, which has been answered by then.
const REPEATS_BEHIND: usize = 1000;

/// How a booking is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /api/bookings/create`
    Api,
    /// `POST /rest/v1/rpc/create_booking_atomic`, with a key of its own.
    Rpc,
}

/// Bookings, each by another student, in an order that depends on the round only.
///
/// # Errors
///
/// None in practice: Zipf's law has parameters that make sense, and keys are plain.
pub fn bookings(
    world: &World,
    target: Target,
    repeats: f64,
    round: u64,
    route: Route,
) -> anyhow::Result<Arc<RequestSet>> {
    let mut random = StdRng::seed_from_u64(round);
    let students: Vec<Vec<usize>> = world
        .orgs
        .iter()
        .map(|org| {
            let mut numbers: Vec<usize> = org.students.clone().collect();
            numbers.shuffle(&mut random);
            numbers
        })
        .collect();
    let total: usize = students.iter().map(Vec::len).sum();
    let mut items: Vec<Item> = Vec::with_capacity(total);
    let mut fresh = 0;
    while fresh < total {
        if repeats > 0.0 && items.len() > REPEATS_BEHIND && random.random_bool(repeats) {
            let earlier = random.random_range(..items.len() - REPEATS_BEHIND);
            items.push(items[earlier].clone());
            continue;
        }
        let caller = fresh % world.orgs.len();
        let org = &world.orgs[caller];
        let Some(student) = students[caller].get(fresh / world.orgs.len()) else { break };
        let session = session(org, target, fresh, round, &mut random)?;
        let key = (repeats > 0.0).then(|| HeaderValue::from_str(&format!("key-{round}-{fresh}"))).transpose()?;
        let body = match route {
            Route::Api => body(*student, session, takes_hand(target)),
            Route::Rpc => call(*student, session, round),
        };
        items.push(Item { caller, key, body });
        fresh += 1;
    }
    Ok(Arc::new(posts(world, items, route)))
}

/// Attempts at the session with few seats, each by another student.
pub fn rush(world: &World, attempts: usize) -> Arc<RequestSet> {
    let org = &world.orgs[0];
    let bodies = org.students.clone().take(attempts).map(|student| body(student, org.rush, false));
    Arc::new(posts(world, bodies.map(|body| Item { caller: 0, key: None, body }).collect(), Route::Api))
}

/// The list of the sessions that can be booked, again and again.
pub fn list(world: &World) -> Arc<RequestSet> {
    Arc::new(RequestSet {
        method: Method::GET,
        uri: Uri::from_static("/api/mock-exams/available?mock_type=Situational%20Judgment"),
        authorizations: authorizations(world),
        items: vec![Item { caller: 0, key: None, body: Bytes::new() }],
        repeats: true,
        made: 201,
    })
}

fn posts(world: &World, items: Vec<Item>, route: Route) -> RequestSet {
    let (path, made) = match route {
        Route::Api => ("/api/bookings/create", 201),
        Route::Rpc => ("/rest/v1/rpc/create_booking_atomic", 200),
    };
    let uri = Uri::from_static(path);
    RequestSet { method: Method::POST, uri, authorizations: authorizations(world), items, repeats: false, made }
}

fn authorizations(world: &World) -> Vec<HeaderValue> {
    world.orgs.iter().map(|org| org.authorization.clone()).collect()
}

fn session(org: &Org, target: Target, number: usize, round: u64, random: &mut StdRng) -> anyhow::Result<Uuid> {
    Ok(match target {
        Target::Hot | Target::EachOrg => org.hot,
        Target::Evenly => org.spread[number % org.spread.len()],
        Target::Zipf { exponent } => org.spread[zipf(org.spread.len(), exponent, random)?],
        Target::NewDay => org.spread[usize::try_from(round)? % org.spread.len()],
    })
}

/// A number below `count` by Zipf's law: 0 is the most frequent.
fn zipf(count: usize, exponent: f64, random: &mut StdRng) -> anyhow::Result<usize> {
    let rank = Zipf::new(count as f64, exponent)?.sample(random);
    Ok((rank as usize).clamp(1, count) - 1)
}

/// The sessions that bookings are spread over are of a type that asks for the student's hand.
fn takes_hand(target: Target) -> bool {
    matches!(target, Target::Evenly | Target::Zipf { .. })
}

fn body(student: usize, session: Uuid, hand: bool) -> Bytes {
    let detail = if hand { r#""dominant_hand":"right""# } else { r#""attending_location":"mississauga""# };
    let (id, email) = (student_id(student), email(student));
    Bytes::from(format!(r#"{{"student_id":"{id}","email":"{email}","mock_exam_id":"{session}",{detail}}}"#))
}

/// What supabase-js sends for `rpc('create_booking_atomic', …)`: the eleven arguments of the exam school.
fn call(student: usize, session: Uuid, round: u64) -> Bytes {
    let (id, email) = (student_id(student), email(student));
    Bytes::from(format!(
        r#"{{"p_booking_id":"Situational Judgment-{id}-May 4, 2030","p_student_id":"{id}","p_student_email":"{email}","p_mock_exam_id":"{session}","p_student_name":"Bench","p_token_used":"Situational Judgment Token","p_attending_location":"Mississauga","p_dominant_hand":null,"p_idempotency_key":"idem_{round}_{student}","p_credit_field":"sj_credits","p_new_credit_value":0}}"#
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn world(orgs: usize, students: usize) -> World {
        let org = |number: usize| Org {
            id: Uuid::now_v7(),
            authorization: HeaderValue::from_static("Bearer x"),
            students: number * students..(number + 1) * students,
            hot: Uuid::now_v7(),
            rush: Uuid::now_v7(),
            spread: (0..10).map(|_| Uuid::now_v7()).collect(),
        };
        World { database: "none", orgs: (0..orgs).map(org).collect(), market: None }
    }

    #[test]
    fn every_student_books_once_at_the_own_organisation_and_rounds_differ() {
        let world = world(4, 50);
        let set = bookings(&world, Target::EachOrg, 0.0, 1, Route::Api).expect("requests");
        let bodies: HashSet<&Bytes> = set.items.iter().map(|item| &item.body).collect();
        assert_eq!((set.items.len(), bodies.len()), (200, 200));
        for item in &set.items {
            assert!(String::from_utf8_lossy(&item.body).contains(&world.orgs[item.caller].hot.to_string()));
        }
        let again = bookings(&world, Target::EachOrg, 0.0, 1, Route::Api).expect("requests");
        let other = bookings(&world, Target::EachOrg, 0.0, 2, Route::Api).expect("requests");
        assert_eq!(set.items[0].body, again.items[0].body);
        assert!(set.items.iter().zip(&other.items).any(|(a, b)| a.body != b.body));
    }

    #[test]
    fn a_call_of_the_function_is_for_the_same_student_and_session() {
        let world = world(1, 50);
        let of = |route| bookings(&world, Target::Hot, 0.0, 1, route).expect("requests");
        let (api, rpc) = (of(Route::Api), of(Route::Rpc));
        let read = |item: &Item| serde_json::from_slice::<serde_json::Value>(&item.body).expect("JSON");
        for (sent, called) in api.items.iter().zip(&rpc.items) {
            let (sent, called) = (read(sent), read(called));
            assert_eq!(sent["student_id"], called["p_student_id"]);
            assert_eq!(sent["mock_exam_id"], called["p_mock_exam_id"]);
            assert_eq!(called.as_object().map(serde_json::Map::len), Some(11));
        }
        assert_eq!((api.made, rpc.made), (201, 200));
    }

    #[test]
    fn repeats_have_an_earlier_key_and_its_body() {
        let set = bookings(&world(1, 20_000), Target::Hot, 0.3, 1, Route::Api).expect("requests");
        let fresh: HashSet<_> = set.items.iter().map(|item| (item.key.clone(), item.body.clone())).collect();
        assert_eq!(fresh.len(), 20_000);
        let share = 1.0 - 20_000.0 / set.items.len() as f64;
        assert!((share - 0.3).abs() < 0.02, "{share}");
        let first_thousand: HashSet<_> = set.items[..REPEATS_BEHIND].iter().map(|item| &item.key).collect();
        assert_eq!(first_thousand.len(), REPEATS_BEHIND);
    }

    #[test]
    fn by_zipfs_law_the_second_is_half_as_frequent_as_the_first() {
        let mut random = StdRng::seed_from_u64(7);
        let mut counts = vec![0_u32; 1000];
        for _ in 0..200_000 {
            counts[zipf(1000, 1.0, &mut random).expect("a number")] += 1;
        }
        // 1 / H(1000) = 0.1336 of all.
        let share = |n: usize| f64::from(counts[n]) / 200_000.0;
        assert!((share(0) - 0.1336).abs() < 0.005, "{}", share(0));
        assert!((share(0) / share(1) - 2.0).abs() < 0.15 && (share(0) / share(9) - 10.0).abs() < 2.0);
    }
}
