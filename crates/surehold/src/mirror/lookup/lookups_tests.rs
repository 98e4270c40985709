//! Many ask at once, some leave, some work dies; and memory has an end in time and in size.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::*;

fn pair(student_id: &str) -> Pair {
    Pair::new(Uuid::nil(), student_id, "ann@example.org")
}

/// Work that counts how often it is begun, and ends when it is told.
struct Work {
    begun: Arc<AtomicUsize>,
    go: watch::Sender<bool>,
}

impl Work {
    fn new() -> Work {
        Work { begun: Arc::default(), go: watch::Sender::new(false) }
    }

    fn once(&self) -> impl Future<Output = usize> + Send + 'static {
        let (begun, mut go) = (self.begun.clone(), self.go.subscribe());
        async move {
            let place = begun.fetch_add(1, Ordering::SeqCst) + 1;
            let _ = go.wait_for(|go| *go).await;
            place
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

fn waiting(flights: &Flights<usize>, pair: &Pair) -> usize {
    lock(&flights.0).get(pair).map_or(0, Vec::len)
}

async fn until(condition: impl Fn() -> bool) {
    let all = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    in_time(all).await;
}

/// What hangs fails.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("within 20 seconds")
}

#[tokio::test]
async fn many_who_ask_for_the_same_share_one_flight_and_the_next_one_has_its_own() {
    let (flights, work) = (Flights::default(), Work::new());
    let ask = || {
        let (flights, work) = (flights.clone(), work.once());
        tokio::spawn(async move { flights.join(pair("ANN"), work).await })
    };
    let asked: Vec<_> = (0..50).map(|_| ask()).collect();
    until(|| waiting(&flights, &pair("ANN")) == 50).await;
    let other = tokio::spawn({
        let (flights, work) = (flights.clone(), work.once());
        async move { flights.join(pair("BEN"), work).await }
    });
    until(|| work.begun() == 2).await;
    work.go.send_replace(true);
    let mut outcomes = Vec::new();
    for asked in asked {
        outcomes.push(in_time(asked).await.expect("no panic").expect("an outcome"));
    }
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
    assert_ne!(in_time(other).await.expect("no panic"), Ok(outcomes[0]), "another student is another flight");
    assert_eq!(in_time(ask()).await.expect("no panic"), Ok(3), "what is over is not remembered here");
}

#[tokio::test]
async fn work_goes_on_when_those_who_asked_leave() {
    let (flights, work) = (Flights::default(), Work::new());
    let asked = tokio::spawn({
        let (flights, work) = (flights.clone(), work.once());
        async move { flights.join(pair("ANN"), work).await }
    });
    until(|| work.begun() == 1).await;
    asked.abort();
    assert!(asked.await.is_err());
    let joined = tokio::spawn({
        let (flights, work) = (flights.clone(), work.once());
        async move { flights.join(pair("ANN"), work).await }
    });
    until(|| waiting(&flights, &pair("ANN")) == 2).await;
    work.go.send_replace(true);
    assert_eq!(in_time(joined).await.expect("no panic"), Ok(1), "the first one's work");
}

#[tokio::test]
async fn work_that_dies_is_told_and_holds_nobody_up() {
    let flights: Flights<usize> = Flights::default();
    let died = flights.join(pair("ANN"), async { panic!("on purpose") });
    assert_eq!(in_time(died).await, Err(Missed::Died));
    assert_eq!(in_time(flights.join(pair("ANN"), async { 7 })).await, Ok(7));
}

#[tokio::test]
async fn too_many_are_told_at_once_and_those_who_join_are_not_more() {
    let (flights, work) = (Flights::default(), Work::new());
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..TOGETHER_MAX {
        let (flights, work) = (flights.clone(), work.once());
        asked.spawn(async move { flights.join(pair(&format!("S{n}")), work).await });
    }
    until(|| work.begun() == TOGETHER_MAX).await;
    assert_eq!(in_time(flights.join(pair("ONE-MORE"), work.once())).await, Err(Missed::TooMany));
    let joined = tokio::spawn({
        let (flights, work) = (flights.clone(), work.once());
        async move { flights.join(pair("S7"), work).await }
    });
    until(|| waiting(&flights, &pair("S7")) == 2).await;
    work.go.send_replace(true);
    assert!(in_time(joined).await.expect("no panic").is_ok());
    assert!(in_time(asked.join_all()).await.into_iter().all(|outcome| outcome.is_ok()));
    assert!(in_time(flights.join(pair("ONE-MORE"), work.once())).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_is_unknown_is_remembered_for_a_while_and_by_both_names() {
    let (lookups, half_a_minute) = (Lookups::default(), Duration::from_secs(30));
    lookups.remember_unknown(&pair("ANN"), half_a_minute);
    tokio::time::advance(Duration::from_secs(29)).await;
    assert!(lookups.clone().is_unknown(&pair("ANN"), half_a_minute));
    let elsewhere = Pair { org_id: Uuid::max(), ..pair("ANN") };
    let with_another_address = Pair { email: "anna@example.org".to_owned(), ..pair("ANN") };
    for other in [pair("BEN"), elsewhere, with_another_address] {
        assert!(!lookups.is_unknown(&other, half_a_minute), "{other:?}");
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!lookups.is_unknown(&pair("ANN"), half_a_minute));
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_what_is_over_goes_first() {
    let (lookups, half_a_minute) = (Lookups::default(), Duration::from_secs(30));
    let count = || lock(&lookups.unknown).len();
    for n in 0..UNKNOWN_MAX - 1 {
        lookups.remember_unknown(&pair(&format!("OLD-{n}")), half_a_minute);
    }
    tokio::time::advance(half_a_minute).await;
    lookups.remember_unknown(&pair("ANN"), half_a_minute);
    assert_eq!(count(), UNKNOWN_MAX);
    lookups.remember_unknown(&pair("BEN"), half_a_minute);
    assert_eq!(count(), 2);
    assert!(lookups.is_unknown(&pair("ANN"), half_a_minute));
    for n in 0..UNKNOWN_MAX {
        lookups.remember_unknown(&pair(&format!("NEW-{n}")), half_a_minute);
        assert!(count() <= UNKNOWN_MAX);
    }
    assert!(lookups.is_unknown(&pair(&format!("NEW-{}", UNKNOWN_MAX - 1)), half_a_minute));
}
