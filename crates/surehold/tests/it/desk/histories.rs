//! Random histories, many commands at once over several slots and contacts on two servers. What was
//! acknowledged is added up by a tiny model; the database must agree with it, and no deadlock may reach
//! a caller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::civil::date;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use surehold::desk::{CommitMode, Desk, DeskError, DeskOptions};
use surehold_core::Answer;
use surehold_core::command::{Command, Move, RefundCredit, Withhold};
use uuid::Uuid;

use crate::support::School;
use crate::support::school::{book, cancel, request};

const SESSIONS: i8 = 6;
const STUDENTS: usize = 12;
const CLERKS: u64 = 12;
const COMMANDS_EACH: usize = 40;

/// What the acknowledged answers add up to.
#[derive(Default)]
struct Tally {
    taken: BTreeMap<Uuid, i32>,
    withheld: BTreeMap<Uuid, i32>,
    spent: BTreeMap<Uuid, i64>,
    bookings: Vec<(Uuid, Uuid)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_in_lanes_agree_with_a_model() {
    random_history(CommitMode::Lanes, 1).await;
    random_history(CommitMode::Lanes, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_one_by_one_agree_with_a_model() {
    random_history(CommitMode::PerRequest, 3).await;
}

async fn random_history(mode: CommitMode, seed: u64) {
    let school = School::with(DeskOptions { mode, ..DeskOptions::default() }).await;
    let other = school.second_server();
    let mut sessions = Vec::new();
    for day in 1..=SESSIONS {
        sessions.push(school.session_on("Clinical Skills", 5, date(2030, 6, day)).await);
    }
    let mut students = Vec::new();
    for i in 0..STUDENTS {
        students.push(school.student(&format!("H{i}"), &[("cs_credits", 3), ("shared_mock_credits", 1)]).await);
    }
    let tally = Arc::new(Mutex::new(Tally::default()));

    let clerks = (0..CLERKS).map(|clerk| {
        let desk = if clerk % 2 == 0 { school.desk.clone() } else { other.clone() };
        let world = (school.org_id, sessions.clone(), students.clone(), tally.clone());
        tokio::spawn(work(desk, StdRng::seed_from_u64(seed * 1000 + clerk), world))
    });
    for clerk in futures::future::join_all(clerks).await {
        clerk.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }

    let tally = std::mem::take(&mut *tally.lock().unwrap());
    for session in &sessions {
        assert_eq!(school.taken(*session).await, tally.taken.get(session).copied().unwrap_or(0), "seed {seed}");
    }
    for student in &students {
        let left = school.balance(*student, "cs_credits").await + school.balance(*student, "shared_mock_credits").await;
        assert_eq!(left, 4 - tally.spent.get(student).copied().unwrap_or(0), "seed {seed}");
    }
    school.laws_hold().await;
}

type World = (Uuid, Vec<Uuid>, Vec<Uuid>, Arc<Mutex<Tally>>);

async fn work(desk: Desk, mut random: StdRng, (org_id, sessions, students, tally): World) {
    for _ in 0..COMMANDS_EACH {
        let session = *sessions.choose(&mut random).unwrap();
        let student = *students.choose(&mut random).unwrap();
        let known = tally.lock().unwrap().bookings.choose(&mut random).copied();
        let (command, owner) = match (random.random_range(0..10), known) {
            (0..=4, _) | (_, None) => (book(student, session), student),
            (5..=6, Some((booking_id, owner))) => (cancel(booking_id), owner),
            (7, Some((booking_id, owner))) => (Command::Move(Move { booking_id, to_slot_id: session }), owner),
            (8, Some((booking_id, owner))) => (Command::RefundCredit(RefundCredit { booking_id, kind: None }), owner),
            (_, Some(_)) => {
                let seats = if random.random_bool(0.5) { 1 } else { -1 };
                (Command::Withhold(Withhold { slot_id: session, seats, reason: None, on_sale_only: false }), student)
            }
        };
        let result = desk.submit(org_id, request(command)).await;
        count(&mut tally.lock().unwrap(), owner, result);
    }
}

fn count(tally: &mut Tally, owner: Uuid, result: Result<surehold_core::Outcome, DeskError>) {
    match result {
        Ok(outcome) if outcome.replayed => {}
        Ok(outcome) => match outcome.answer {
            Answer::Booked(booked) => {
                *tally.taken.entry(booked.slot_id).or_default() += 1;
                *tally.spent.entry(owner).or_default() += 1;
                tally.bookings.push((booked.booking_id, owner));
            }
            Answer::Cancelled(cancelled) if !cancelled.already => {
                *tally.taken.entry(cancelled.slot_id).or_default() -= 1;
                *tally.spent.entry(owner).or_default() -= cancelled.credits_returned;
            }
            Answer::Refunded(refunded) => *tally.spent.entry(owner).or_default() -= refunded.credits,
            Answer::Moved(moved) if moved.from_slot_id != moved.to_slot_id => {
                *tally.taken.entry(moved.from_slot_id).or_default() -= 1;
                *tally.taken.entry(moved.to_slot_id).or_default() += 1;
            }
            Answer::SlotChanged(saved) => {
                tally.withheld.insert(saved.slot_id, saved.withheld);
            }
            _ => {}
        },
        Err(DeskError::Refused(_)) => {}
        Err(other) => panic!("only outcomes and refusals reach a caller, not {other:?}"),
    }
}
