//! The verdict of an open-loop storm: every answer, compared with what is there.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::super::output::grouped;
use super::check::Check;
use super::mix::Kind;
use super::moments;
use super::plan::Plan;
use super::record::{Entry, Meaning};
use super::stage::Stage;
use super::there::{BookingThere, There};

/// How far the share of refusals may be from what was expected, in percentage points.
const REFUSALS_TOLERANCE: f64 = 5.0;
/// It is only judged if at least this share of the bookings was answered: seats were counted for all of them.
const JUDGED_SHARE: f64 = 0.95;

/// What is compared.
pub struct Case<'a> {
    stage: &'a Stage,
    entries: &'a [Entry],
    there: &'a There,
    /// Bookings that are there, with the index of their session.
    found: HashMap<Uuid, (usize, &'a BookingThere)>,
}

impl<'a> Case<'a> {
    pub fn new(stage: &'a Stage, entries: &'a [Entry], there: &'a There) -> Case<'a> {
        let of_session = |(i, session): (usize, &'a super::there::SessionThere)| {
            session.bookings.iter().map(move |booking| (booking.id, (i, booking)))
        };
        Case { stage, entries, there, found: there.sessions.iter().enumerate().flat_map(of_session).collect() }
    }

    /// All checks, without those that only the server can make.
    pub fn judge(&self, plan: &Plan) -> Vec<Check> {
        let mut checks = vec![self.answers(), self.bookings(), self.phantoms()];
        if plan.mix.weight(Kind::Replay) > 0 {
            checks.push(self.replays());
        }
        if plan.mix.weight(Kind::List) > 0 {
            checks.push(self.lists());
        }
        checks.extend([self.seats(), moments::check(self.stage, self.entries), self.credits()]);
        checks.extend(plan.expect_refusals.map(|percent| self.refusals(percent)));
        checks
    }

    fn sent(&self, kind: Kind) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.kind == kind && entry.sent.is_some())
    }

    /// Requests of a kind that were done.
    fn done(&self, kind: Kind) -> impl Iterator<Item = &'a Entry> {
        self.sent(kind).filter(|entry| entry.meaning() == Some(Meaning::Done))
    }

    /// Each request was answered as such a request can be, or not at all.
    fn answers(&self) -> Check {
        let definite = |entry: &&Entry| matches!(entry.meaning(), Some(Meaning::Done | Meaning::Refused));
        let definite: Vec<&Entry> = self.entries.iter().filter(definite).collect();
        let odd = definite.iter().filter(|entry| !is_usual(entry)).map(|entry| match &entry.wrong {
            Some(wrong) => format!("{}: {wrong}", entry.name()),
            None => format!("{}: no such answer is right", entry.name()),
        });
        let faults: Vec<String> = odd.collect();
        if definite.is_empty() {
            return Check::new("answers", false, "nothing was answered".to_owned());
        }
        let count = number(definite.len());
        Check::no_faults(
            "answers",
            format!("{count} definite ones, each of a kind that is right for its request"),
            faults,
        )
    }

    /// Every acknowledged booking is there, active unless its cancellation was acknowledged.
    fn bookings(&self) -> Check {
        let mut cancels: HashMap<Uuid, Meaning> = HashMap::new();
        for entry in self.sent(Kind::Cancel) {
            if let (Some(earlier), Some(meaning)) = (entry.about, entry.meaning()) {
                cancels.insert(earlier.booking_id, meaning);
            }
        }
        let (mut active, mut cancelled) = (0, 0);
        let mut faults = Vec::new();
        for entry in self.done(Kind::Book) {
            let Some(id) = entry.last_answer().booking_id else { continue };
            let cancel = cancels.get(&id);
            match self.fault_of(entry, id, cancel.copied()) {
                Some(fault) => faults.push(fault),
                None if cancel == Some(&Meaning::Done) => cancelled += 1,
                None => active += 1,
            }
        }
        Check::no_faults(
            "bookings",
            format!("{} acknowledged and there, {} acknowledged as cancelled", number(active), number(cancelled)),
            faults,
        )
    }

    fn fault_of(&self, entry: &Entry, id: Uuid, cancel: Option<Meaning>) -> Option<String> {
        let by = self.whose(entry);
        let Some((session, booking)) = self.found.get(&id) else {
            return Some(format!("lost: booking {id} of {by} is not there; {} acknowledged it", entry.name()));
        };
        if Some(*session) != entry.session || self.contact(entry) != Some(booking.contact_id) {
            return Some(format!("wrong: booking {id} is not {by}'s on that session; {} said so", entry.name()));
        }
        match (booking.active, cancel) {
            (false, None | Some(Meaning::Refused | Meaning::Unavailable)) => {
                Some(format!("lost: booking {id} of {by} is not active, and no cancellation was acknowledged"))
            }
            (true, Some(Meaning::Done)) => {
                Some(format!("not cancelled: booking {id} of {by} is active, and its cancellation was acknowledged"))
            }
            _ => None,
        }
    }

    /// Nothing is there that was not acknowledged; so what was refused is not there.
    fn phantoms(&self) -> Check {
        let acknowledged: HashSet<Uuid> =
            self.done(Kind::Book).filter_map(|entry| entry.last_answer().booking_id).collect();
        let asked: HashMap<(Uuid, usize), &Entry> =
            self.sent(Kind::Book).filter_map(|entry| Some(((self.contact(entry)?, entry.session?), entry))).collect();
        let mut refused = 0;
        self.sent(Kind::Book).for_each(|entry| refused += usize::from(entry.meaning() == Some(Meaning::Refused)));
        let faults =
            self.found.iter().filter(|(id, _)| !acknowledged.contains(*id)).filter_map(|(id, (session, booking))| {
                match asked.get(&(booking.contact_id, *session)) {
                    // Either is right.
                    Some(entry) if entry.meaning() == Some(Meaning::Unknown) => None,
                    Some(entry) => {
                        Some(format!("phantom: booking {id} is there; {} did not acknowledge it", entry.name()))
                    }
                    None => Some(format!("phantom: booking {id} is there, and nobody asked for it")),
                }
            });
        let faults = faults.collect();
        Check::no_faults(
            "refusals",
            format!("{} refused and not there; nothing is there that was not acknowledged", number(refused)),
            faults,
        )
    }

    /// Each replay gave the booking that was made first.
    fn replays(&self) -> Check {
        let definite = |entry: &&Entry| matches!(entry.meaning(), Some(Meaning::Done | Meaning::Refused));
        let replays: Vec<&Entry> = self.sent(Kind::Replay).filter(definite).collect();
        let faults = replays.iter().filter_map(|entry| {
            let first = entry.about?.booking_id;
            let same = entry.answer.status == Some(200) && entry.answer.booking_id == Some(first);
            let gave = entry.answer.booking_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
            (!same).then(|| format!("{} gave booking {gave} instead of {first}", entry.name()))
        });
        let faults = faults.collect();
        Check::no_faults("replays", format!("{} gave the same booking again", number(replays.len())), faults)
    }

    /// Each booking that was listed is there, and of the student whose list it was.
    fn lists(&self) -> Check {
        let mut listed = 0;
        let mut faults = Vec::new();
        for entry in self.sent(Kind::List) {
            listed += entry.listed.len();
            let contact = self.contact(entry);
            faults.extend(entry.listed.iter().filter_map(|id| match self.found.get(id) {
                None => Some(format!("{} showed booking {id}, which is not there", entry.name())),
                Some((_, booking)) if Some(booking.contact_id) != contact => {
                    Some(format!("{} showed booking {id}, which is somebody else's", entry.name()))
                }
                Some(_) => None,
            }));
        }
        Check::no_faults(
            "lists",
            format!("{} bookings were listed; each is there, and the student's own", number(listed)),
            faults,
        )
    }

    /// Seats that are taken are those of the active bookings, never more than there are.
    fn seats(&self) -> Check {
        let (mut taken, mut all) = (0, 0);
        let mut faults = Vec::new();
        for (session, there) in self.stage.sessions.iter().zip(&self.there.sessions) {
            let active =
                i64::try_from(there.bookings.iter().filter(|booking| booking.active).count()).unwrap_or(i64::MAX);
            let (id, capacity) = (session.id, i64::from(session.seats));
            (taken, all) = (taken + active, all + capacity);
            if active > capacity {
                faults.push(format!("oversold: session {id} has {active} active bookings for {capacity} seats"));
            } else if there.capacity != capacity {
                faults.push(format!("session {id} was opened with {capacity} seats and has {}", there.capacity));
            } else if there.taken != active {
                faults.push(format!("session {id} counts {} seats as taken for {active} active bookings", there.taken));
            } else if there.available != capacity - active {
                let (said, right) = (there.available, capacity - active);
                faults.push(format!("session {id} shows {said} free seats, and has {right}"));
            }
        }
        let found = format!("{} of {} taken, one by each active booking", grouped(taken), grouped(all));
        Check::no_faults("seats", found, faults)
    }

    /// Each student has the initial credits less one for each active booking.
    fn credits(&self) -> Check {
        let mut active: HashMap<Uuid, i64> = HashMap::new();
        self.found.values().filter(|(_, b)| b.active).for_each(|(_, b)| *active.entry(b.contact_id).or_default() += 1);
        let faults = self.stage.students.iter().filter_map(|student| {
            let right = i64::from(self.stage.credits) - active.get(&student.contact_id).copied().unwrap_or(0);
            let has = self.there.credits.get(&student.contact_id).copied();
            let shown = has.map_or_else(|| "none".to_owned(), |n| n.to_string());
            (has != Some(right)).then(|| format!("student {} has {shown}, and should have {right}", student.student_id))
        });
        let faults = faults.collect();
        Check::no_faults("credits", "each student has the initial ones less one per active booking".to_owned(), faults)
    }

    /// The share of refusals is what was asked for. The seats were counted as if each cancellation gave one to a
    /// second student. One that found nothing to cancel yet, or whose seat is still free at the end because nobody
    /// asked for it afterwards, may account for a refusal more.
    fn refusals(&self, expected: u32) -> Check {
        let definite = |entry: &&Entry| matches!(entry.meaning(), Some(Meaning::Done | Meaning::Refused));
        let all = self.sent(Kind::Book).filter(definite).count();
        let full = self.sent(Kind::Book).filter(|entry| entry.last_answer().code == "EXAM_FULL").count();
        let asked = self.entries.iter().filter(|entry| entry.kind == Kind::Book).count();
        if (all as f64) < JUDGED_SHARE * asked as f64 {
            let found = format!("not judged: only {} of {} bookings were answered", number(all), number(asked));
            return Check::new("share of refusals", true, found);
        }
        let given_up = self.sent(Kind::Cancel).filter(|entry| entry.meaning() == Some(Meaning::Done)).count();
        let free: i64 = self.there.sessions.iter().map(|session| session.available.max(0)).sum();
        let too_late = given_up.min(usize::try_from(free).unwrap_or(0));
        let planned =
            self.entries.iter().filter(|entry| entry.instead_of.unwrap_or(entry.kind) == Kind::Cancel).count();
        let excused = planned - (given_up - too_late);
        let percent = |n: usize| 100.0 * n as f64 / all.max(1) as f64;
        let (least, most) = (percent(full.saturating_sub(excused)), percent(full));
        let expected = f64::from(expected);
        let right = most >= expected - REFUSALS_TOLERANCE && least <= expected + REFUSALS_TOLERANCE;
        let found = format!(
            "{most:.1} % refused with EXAM_FULL, {expected} % expected (give or take {REFUSALS_TOLERANCE}; seats not \
             given up in time for another: {})",
            number(excused)
        );
        Check::new("share of refusals", right, found)
    }

    fn contact(&self, entry: &Entry) -> Option<Uuid> {
        Some(self.stage.students.get(entry.student?)?.contact_id)
    }

    fn whose(&self, entry: &Entry) -> String {
        let student = entry.student.and_then(|student| self.stage.students.get(student));
        student.map_or_else(|| "nobody".to_owned(), |student| format!("student {}", student.student_id))
    }
}

fn number(n: usize) -> String {
    grouped(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Whether such a request can have such an answer. Each student has credits, each key is fresh, each session
/// is on sale; what a booking gets is a seat, or EXAM_FULL.
fn is_usual(entry: &Entry) -> bool {
    let answer = entry.last_answer();
    let names_one = answer.booking_id.is_some();
    entry.wrong.is_none()
        && match (entry.kind, answer.status) {
            // 200 if something on the way, or we ourselves, asked twice under the key.
            (Kind::Book, Some(200 | 201)) => names_one,
            (Kind::Book, Some(409)) => answer.code == "EXAM_FULL",
            (Kind::Cancel, Some(200)) => answer.booking_id == entry.about.map(|earlier| earlier.booking_id),
            // Those have a check of their own.
            (Kind::Replay, _) => true,
            (Kind::List, Some(200)) => true,
            _ => false,
        }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
pub(super) mod tests;
