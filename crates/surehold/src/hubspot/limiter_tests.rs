//! The limiter under a paused clock: time passes only while everybody waits.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;

const WINDOW: Duration = Duration::from_secs(10);

fn limiter(calls: usize) -> Limiter {
    Limiter::new(&LimiterOptions { calls, associations: 3, ..LimiterOptions::default() })
}

async fn enter(limiter: &Limiter, quota: Quota, priority: Priority) -> Permit {
    limiter.enter(quota, priority).await.expect("a permit")
}

/// A call that takes no time.
async fn call(limiter: &Limiter, quota: Quota, priority: Priority) {
    enter(limiter, quota, priority).await.answered();
}

/// How long it takes to get in.
async fn wait(limiter: &Limiter, quota: Quota, priority: Priority) -> Duration {
    let since = Instant::now();
    call(limiter, quota, priority).await;
    since.elapsed()
}

/// Fails if any window sees more than `most` arrivals; two that are a whole window apart are in different ones.
fn check_windows(mut arrivals: Vec<Instant>, most: usize, window: Duration) {
    arrivals.sort();
    for (first, beyond) in arrivals.iter().zip(arrivals.iter().skip(most)) {
        let apart = *beyond - *first;
        assert!(apart >= window, "{} calls within {apart:?}", most + 1);
    }
}

/// Calls with random latencies there and back, begun at random times by many at once. Some are given up half-way, and
/// arrive nevertheless.
async fn storm(seed: u64, most: usize) {
    let slow = 12_000;
    let straggling = Duration::from_millis(slow);
    let limiter = Limiter::new(&LimiterOptions { calls: most, straggling, ..LimiterOptions::default() });
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let mut random = StdRng::seed_from_u64(seed);
    let mut calls = JoinSet::new();
    for _ in 0..most * 12 {
        let (limiter, arrivals) = (limiter.clone(), arrivals.clone());
        // Mostly a crowd, sometimes a straggler; a way is short, or as long as a window.
        let mut way = |most: u64| Duration::from_millis(random.random_range(0..=most));
        let start = way(60_000);
        let (there, back) = if way(3).is_zero() { (way(slow), way(slow)) } else { (way(80), way(400)) };
        let patience = if way(9).is_zero() { way(30_000) } else { Duration::from_secs(3_600) };
        let priority = if way(1).is_zero() { Priority::Person } else { Priority::Sync };
        calls.spawn(async move {
            sleep(start).await;
            let call = async {
                let mut permit = enter(&limiter, Quota::App, priority).await;
                // On its way, whatever becomes of who sent it.
                let arrival = tokio::spawn(async move {
                    sleep(there).await;
                    arrivals.lock().expect("not poisoned").push(Instant::now());
                });
                arrival.await.expect("no panic");
                sleep(back).await;
                permit.answered();
            };
            tokio::time::timeout(patience, call).await.is_ok()
        });
    }
    let answered = calls.join_all().await.into_iter().filter(|answered| *answered).count();
    sleep(straggling).await;
    let arrivals = std::mem::take(&mut *arrivals.lock().expect("not poisoned"));
    assert!(answered > most * 6 && arrivals.len() >= answered, "{answered} of {}", arrivals.len());
    check_windows(arrivals, most, WINDOW);
    let state = limiter.state();
    assert!(state.waiting.is_empty() && state.buckets.iter().all(|bucket| bucket.in_use == 0), "{state:?}");
}

#[tokio::test(start_paused = true)]
async fn no_window_sees_more_calls_than_allowed_whatever_the_network_does() {
    for seed in 0..30 {
        for most in [1, 2, 7, 30] {
            storm(seed, most).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nearly_all_that_is_allowed_is_used() {
    let (most, latency) = (100, Duration::from_millis(200));
    let limiter = limiter(most);
    let since = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..most * 10 {
        let limiter = limiter.clone();
        calls.spawn(async move {
            let mut permit = enter(&limiter, Quota::App, Priority::Sync).await;
            sleep(latency).await;
            permit.answered();
        });
    }
    calls.join_all().await;
    let expected = (WINDOW + latency) * 9 + latency;
    let taken = since.elapsed();
    assert!(taken >= expected && taken <= expected + Duration::from_millis(50), "{taken:?}, not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_place_rests_from_the_answer_on_not_from_the_call() {
    let limiter = limiter(1);
    let mut permit = enter(&limiter, Quota::App, Priority::Sync).await;
    sleep(Duration::from_secs(25)).await;
    permit.answered();
    drop(permit);
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, WINDOW);
}

#[tokio::test(start_paused = true)]
async fn a_place_rests_longer_after_a_call_that_was_given_up() {
    let limiter = limiter(2);
    drop(enter(&limiter, Quota::App, Priority::Sync).await);
    sleep(Duration::from_secs(1)).await;
    call(&limiter, Quota::App, Priority::Sync).await;
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, WINDOW, "of the answered one, though it came later");
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_holds_nobody_up_and_uses_nothing() {
    let limiter = limiter(1);
    call(&limiter, Quota::App, Priority::Sync).await;
    let gone = limiter.enter(Quota::App, Priority::Person);
    tokio::time::timeout(Duration::from_secs(4), gone).await.expect_err("no place yet");
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, Duration::from_secs(6));
    assert!(limiter.state().waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn persons_go_before_the_mirror_and_else_who_came_first() {
    let limiter = limiter(1);
    call(&limiter, Quota::App, Priority::Sync).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut calls = JoinSet::new();
    use Priority::{Person, Sync};
    for (name, priority) in [("s1", Sync), ("s2", Sync), ("p1", Person), ("s3", Sync), ("p2", Person)] {
        let (limiter, order) = (limiter.clone(), order.clone());
        calls.spawn(async move {
            call(&limiter, Quota::App, priority).await;
            order.lock().expect("not poisoned").push(name);
        });
        tokio::task::yield_now().await;
    }
    calls.join_all().await;
    assert_eq!(*order.lock().expect("not poisoned"), ["p1", "p2", "s1", "s2", "s3"]);
}

#[tokio::test(start_paused = true)]
async fn searches_have_five_a_second_and_count_as_calls_too() {
    let limiter = limiter(8);
    let since = Instant::now();
    let mut at = Vec::new();
    for _ in 0..9 {
        call(&limiter, Quota::Search, Priority::Sync).await;
        at.push(since.elapsed().as_secs());
    }
    assert_eq!(at, [0, 0, 0, 0, 0, 1, 1, 1, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_search_that_waits_for_its_second_does_not_hold_up_other_calls() {
    let limiter = limiter(100);
    for _ in 0..5 {
        call(&limiter, Quota::Search, Priority::Sync).await;
    }
    let search = tokio::spawn({
        let limiter = limiter.clone();
        async move { wait(&limiter, Quota::Search, Priority::Person).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, Duration::ZERO);
    assert_eq!(search.await.expect("no panic"), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn associations_count_apart() {
    let limiter = limiter(1);
    drop(enter(&limiter, Quota::App, Priority::Sync).await);
    for _ in 0..3 {
        assert_eq!(wait(&limiter, Quota::Associations, Priority::Sync).await, Duration::ZERO);
    }
    assert_eq!(wait(&limiter, Quota::Associations, Priority::Sync).await, WINDOW);
}

#[tokio::test(start_paused = true)]
async fn not_now_closes_the_gate_for_everybody_for_its_time() {
    let seconds = Duration::from_secs;
    // Who was told, of which limit, and how long a call, a search and one about associations wait then.
    let table = [
        (Quota::App, Policy::TenSecondly, [10, 10, 0]),
        (Quota::App, Policy::Locked, [10, 10, 0]),
        (Quota::App, Policy::Secondly, [10, 10, 0]),
        (Quota::Search, Policy::Secondly, [0, 10, 0]),
        (Quota::Search, Policy::TenSecondly, [10, 10, 0]),
        (Quota::Associations, Policy::TenSecondly, [0, 0, 10]),
        (Quota::Associations, Policy::Other, [0, 0, 10]),
    ];
    for (told, policy, expected) in table {
        for (quota, expected) in [Quota::App, Quota::Search, Quota::Associations].into_iter().zip(expected) {
            let limiter = limiter(100);
            enter(&limiter, told, Priority::Sync).await.not_now(policy, seconds(10));
            let waited = wait(&limiter, quota, Priority::Person).await;
            assert_eq!(waited, seconds(expected), "{told:?} {policy:?}, then {quota:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_pause_does_not_open_the_gate_and_a_longer_one_reaches_who_waits() {
    let limiter = limiter(100);
    let permit = enter(&limiter, Quota::App, Priority::Sync).await;
    permit.not_now(Policy::TenSecondly, Duration::from_secs(10));
    permit.not_now(Policy::Locked, Duration::from_secs(2));
    let waiting = tokio::spawn({
        let limiter = limiter.clone();
        async move { wait(&limiter, Quota::App, Priority::Sync).await }
    });
    sleep(Duration::from_secs(5)).await;
    permit.not_now(Policy::TenSecondly, Duration::from_secs(10));
    assert_eq!(waiting.await.expect("no panic"), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_is_told_at_once() {
    let limiter = limiter(100);
    enter(&limiter, Quota::App, Priority::Sync).await.not_now(Policy::Migration, Duration::from_secs(3_600));
    for priority in [Priority::Person, Priority::Sync] {
        let since = Instant::now();
        let error = limiter.enter(Quota::App, priority).await.expect_err("closed");
        assert_eq!(error.not_now(), Some((Duration::from_secs(3_600), Policy::Migration)));
        assert_eq!(since.elapsed(), Duration::ZERO);
    }
    sleep(Duration::from_secs(3_580)).await;
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, Duration::from_secs(20), "not long any more");
}

#[tokio::test(start_paused = true)]
async fn a_used_up_day_stops_the_mirror_but_not_persons() {
    let limiter = limiter(100);
    let early = enter(&limiter, Quota::App, Priority::Sync).await;
    sleep(Duration::from_secs(1)).await;
    enter(&limiter, Quota::Search, Priority::Sync).await.not_now(Policy::Daily, Duration::from_secs(900));
    assert_eq!(limiter.calls_left_today(), Some(0));

    let error = limiter.enter(Quota::App, Priority::Sync).await.expect_err("closed");
    assert_eq!(error.not_now(), Some((Duration::from_secs(900), Policy::Daily)));
    assert_eq!(wait(&limiter, Quota::Associations, Priority::Sync).await, Duration::ZERO, "their day is their own");

    let left = |left| RateLimits { daily_left: Some(left), ..RateLimits::default() };
    early.saw(left(9));
    limiter.enter(Quota::App, Priority::Sync).await.expect_err("the answer of a call from before proves nothing");
    sleep(Duration::from_secs(1)).await;
    let person = enter(&limiter, Quota::App, Priority::Person).await;
    person.saw(left(0));
    limiter.enter(Quota::App, Priority::Sync).await.expect_err("none are left");
    person.saw(RateLimits::default());
    limiter.enter(Quota::App, Priority::Sync).await.expect_err("nothing is known");
    person.saw(left(1_000));
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, Duration::ZERO);
    assert_eq!(limiter.calls_left_today(), Some(1_000));
}

#[tokio::test(start_paused = true)]
async fn a_used_up_day_reaches_those_who_wait_and_ends() {
    let limiter = limiter(1);
    let permit = enter(&limiter, Quota::App, Priority::Sync).await;
    let waiting = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.enter(Quota::App, Priority::Sync).await.map(drop) }
    });
    sleep(Duration::from_secs(1)).await;
    permit.not_now(Policy::Daily, Duration::from_secs(900));
    drop(permit);
    waiting.await.expect("no panic").expect_err("closed");
    sleep(Duration::from_secs(900)).await;
    assert_eq!(wait(&limiter, Quota::App, Priority::Sync).await, Duration::ZERO);
}
