//! Credits that are spent here and bought or cut in the CRM: whatever is lost, late or repeated between the two, the
//! balance ends as granted + bought - cut - spent (+ what a cut could not take any more).

use std::collections::BTreeSet;

use proptest::prelude::*;
use surehold_core::credit_history::{Change, Entry, is_as_written, read, shadow};

const KEPT_MAX: usize = 45;

/// A contact's record in the CRM, which keeps histories as HubSpot does: a value that is there already is no entry.
#[derive(Default)]
struct Crm {
    now: i64,
    credit: Vec<Entry>,
    shadow: Vec<Entry>,
}

impl Crm {
    fn shows(&self) -> i64 {
        self.credit.last().map_or(0, |entry| entry.value.parse().expect("numbers only"))
    }

    /// One write of the record; all of it has one moment.
    fn write(&mut self, credit: i64, shadow: Option<String>) {
        self.now += 1;
        let enter = |history: &mut Vec<Entry>, at: i64, value: String| {
            if history.last().is_none_or(|last| last.value != value) {
                history.push(Entry { at, value });
            }
        };
        enter(&mut self.credit, self.now, credit.to_string());
        if let Some(shadow) = shadow {
            enter(&mut self.shadow, self.now, shadow);
        }
    }

    /// What is read of it; `back` milliseconds ago, for an answer that took its time.
    fn history(&self, back: i64) -> (Vec<Entry>, Vec<Entry>) {
        let until = |history: &[Entry]| history.iter().filter(|e| e.at <= self.now - back).cloned().collect();
        (until(&self.credit), until(&self.shadow))
    }
}

/// Our side.
#[derive(Default)]
struct Books {
    balance: i64,
    spent: i64,
    shortfall: i64,
    counted: BTreeSet<i64>,
    writes: u32,
}

impl Books {
    fn count(&mut self, crm: &Crm, back: i64, since: i64) {
        let (credit, shadow) = crm.history(back);
        for Change { at, delta } in read(&credit, &shadow, since, KEPT_MAX * 100).changes {
            if self.counted.insert(at) {
                let after = self.balance + delta;
                self.shortfall += (-after).max(0);
                self.balance = after.max(0);
            }
        }
    }

    fn push(&mut self, crm: &mut Crm) {
        self.writes += 1;
        crm.write(self.balance, Some(shadow(self.balance, &format!("w{}", self.writes))));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Book,
    Buy(i64),
    Cut(i64),
    /// Arrives, whether we hear of it or not.
    Push,
    /// Never arrives: to us the same as one whose answer is lost.
    PushLost,
    /// After a push, from a webhook that is late or doubled, or by a pull.
    Read {
        back: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Book),
        2 => (1..5_i64).prop_map(Step::Buy),
        2 => (1..5_i64).prop_map(Step::Cut),
        3 => Just(Step::Push),
        1 => Just(Step::PushLost),
        3 => (0..4_i64).prop_map(|back| Step::Read { back }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_balance_is_what_was_granted_and_bought_less_what_was_cut_and_spent(
        granted in 0..6_i64, steps in prop::collection::vec(step(), 0..60), is_known_there: bool,
    ) {
        let (mut crm, mut books) = (Crm::default(), Books { balance: granted, ..Books::default() });
        if is_known_there {
            // Found there with its credits, which became the opening entry.
            crm.write(granted, None);
        }
        let since = crm.now;
        if !is_known_there {
            books.push(&mut crm);
        }
        let (mut bought, mut cut) = (0, 0);
        for step in steps {
            match step {
                Step::Book if books.balance > 0 => { books.balance -= 1; books.spent += 1; }
                Step::Book | Step::PushLost => {}
                Step::Buy(n) => { let shows = crm.shows(); crm.write(shows + n, None); bought += n; }
                Step::Cut(n) => { let shows = crm.shows(); crm.write(shows - n, None); cut += n; }
                Step::Push => books.push(&mut crm),
                Step::Read { back } => books.count(&crm, back, since),
            }
        }
        // The sync goes on until it is idle: a push, and the history read again after it.
        while { books.count(&crm, 0, since); crm.shows() != books.balance } {
            books.push(&mut crm);
        }
        prop_assert_eq!(books.balance, granted + bought - cut - books.spent + books.shortfall);
        prop_assert_eq!(crm.shows(), books.balance);
    }
}

fn entries(list: &[(i64, &str)]) -> Vec<Entry> {
    list.iter().map(|(at, value)| Entry { at: *at, value: (*value).to_owned() }).collect()
}

fn deltas(credit: &[(i64, &str)], shadow: &[(i64, &str)], since: i64) -> Vec<(i64, i64)> {
    let reading = read(&entries(credit), &entries(shadow), since, KEPT_MAX);
    reading.changes.iter().map(|change| (change.at, change.delta)).collect()
}

#[test]
fn a_purchase_that_a_push_wrote_over_still_counts() {
    // We wrote 5; one was bought; we, who had spent one, wrote 4.
    let credit = [(1, "5"), (2, "6"), (3, "4")];
    assert_eq!(deltas(&credit, &[(1, "5 a"), (3, "4 b")], 0), [(2, 1)]);
}

#[test]
fn a_write_of_the_amount_that_is_there_is_recognised_by_its_shadow_alone() {
    // We wrote 5; one was bought; one was spent, so it is 5 again: the same amount as in our first write.
    let credit = [(1, "5"), (2, "6"), (3, "5")];
    assert_eq!(deltas(&credit, &[(1, "5 a"), (3, "5 b")], 0), [(2, 1)]);
    assert_eq!(deltas(&credit, &[(1, "5 a")], 0), [(2, 1), (3, -1)], "without it, somebody cut one");
    assert_eq!(deltas(&credit, &[(1, "5 a"), (3, "7 b")], 0), [(2, 1), (3, -1)], "nor is another amount ours");
}

#[test]
fn what_was_there_before_the_opening_balance_does_not_count_again() {
    let credit = [(1, "2"), (2, "5"), (3, "9")];
    assert_eq!(deltas(&credit, &[], 2), [(3, 4)]);
    assert_eq!(deltas(&credit, &[], 3), []);
    assert_eq!(deltas(&credit, &[], 0), [(1, 2), (2, 3), (3, 4)]);
}

#[test]
fn cleared_is_nothing_and_nonsense_counts_for_nothing() {
    let reading = read(&entries(&[(1, "5"), (2, ""), (3, "many"), (4, "2.0"), (5, "1.5")]), &[], 1, KEPT_MAX);
    let deltas: Vec<(i64, i64)> = reading.changes.iter().map(|change| (change.at, change.delta)).collect();
    assert_eq!((deltas, reading.unreadable, reading.shows), (vec![(2, -5), (4, 2)], vec![3, 5], None));
}

#[test]
fn nonsense_between_two_equal_numbers_is_no_change_and_is_told_once() {
    let credit = [(1, "5"), (2, "many"), (3, "5"), (4, "5.0")];
    assert_eq!(deltas(&credit, &[], 1), [], "a change is never 0");
    let told = |since| read(&entries(&credit), &[], since, KEPT_MAX).unreadable;
    assert_eq!((told(1), told(2)), (vec![2], vec![]));
}

#[test]
fn a_history_that_was_cut_off_counts_from_its_second_entry() {
    let reading = read(&entries(&[(7, "5"), (8, "6")]), &[], 3, 2);
    assert_eq!((reading.changes, reading.is_cut_off), (vec![Change { at: 8, delta: 1 }], true));
    assert!(!read(&entries(&[(7, "5"), (8, "6")]), &[], 7, 2).is_cut_off, "what is missing was counted already");
}

#[test]
fn entries_may_come_in_any_order() {
    assert_eq!(deltas(&[(3, "4"), (1, "5"), (2, "6")], &[(3, "4 b"), (1, "5 a")], 0), [(2, 1)]);
}

#[test]
fn a_credit_is_as_we_wrote_it_while_its_shadow_says_the_same() {
    assert!(is_as_written("4", &shadow(4, "b")) && is_as_written("4.0", &shadow(4, "b")) && is_as_written("", "0 b"));
    assert!(!is_as_written("5", &shadow(4, "b")), "bought since");
    assert!(!is_as_written("4", "") && !is_as_written("four", "4 b"), "never written by us, or nonsense");
}
