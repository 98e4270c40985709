//! What the requests of an open-loop storm ask for, and how often.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A seat, by a student with credits, under a fresh key.
    Book,
    /// To give up a booking that was made earlier in this storm.
    Cancel,
    /// A student's bookings and the sessions on sale, in turns.
    List,
    /// An earlier booking again, with its key and body.
    Replay,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Kind; 4] = [Kind::Book, Kind::Cancel, Kind::List, Kind::Replay];

    /// As it is spelled in `--mix`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Book => "book",
            Kind::Cancel => "cancel",
            Kind::List => "list",
            Kind::Replay => "replay",
        }
    }
}

/// Weights of the kinds, by [`Kind`] as index. Their sum is never 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix([u32; 4]);

/// The default of `--mix`.
pub const USUAL: &str = "book=70,cancel=10,list=10,replay=10";
const WEIGHT_MAX: u32 = 1000;

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        let mut weights = [None; 4];
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, weight) =
                part.split_once('=').ok_or_else(|| format!("{part:?} has no weight: write it as book=70"))?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name.trim()).ok_or_else(|| {
                let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                format!("there is no kind {:?}; the kinds are {}", name.trim(), names.join(", "))
            })?;
            let weight: Option<u32> = weight.trim().parse().ok().filter(|weight| *weight <= WEIGHT_MAX);
            let weight =
                weight.ok_or_else(|| format!("the weight of {name} must be a number from 0 to {WEIGHT_MAX}"))?;
            if weights[kind as usize].replace(weight).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        let mix = Mix(weights.map(Option::unwrap_or_default));
        if mix.0.iter().sum::<u32>() == 0 {
            return Err("the weights sum to 0: nothing would be sent; give at least book=1".to_owned());
        }
        for kind in [Kind::Cancel, Kind::Replay] {
            if mix.weight(kind) > 0 && mix.weight(Kind::Book) == 0 {
                return Err(format!("{} needs bookings of this storm: give book a weight, too", kind.name()));
            }
        }
        Ok(mix)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = Kind::ALL.into_iter().filter(|kind| self.weight(*kind) > 0);
        let parts: Vec<String> = used.map(|kind| format!("{}={}", kind.name(), self.weight(kind))).collect();
        f.write_str(&parts.join(","))
    }
}

impl Mix {
    /// The weight of a kind.
    pub fn weight(&self, kind: Kind) -> u32 {
        self.0[kind as usize]
    }

    /// The kinds of all requests to come, endlessly: spread evenly, and the same every time.
    pub fn sequence(&self) -> impl Iterator<Item = Kind> + use<> {
        let weights = self.0.map(i64::from);
        let sum: i64 = weights.iter().sum();
        let mut due = [0; 4];
        std::iter::repeat_with(move || {
            // The kind that is most overdue is next.
            due.iter_mut().zip(weights).for_each(|(due, weight)| *due += weight);
            let next = Kind::ALL.into_iter().rev().max_by_key(|kind| due[*kind as usize]).unwrap_or(Kind::Book);
            due[next as usize] -= sum;
            next
        })
    }

    /// How many of the first `requests` are of each kind, by [`Kind`] as index.
    pub fn counts(&self, requests: usize) -> [usize; 4] {
        let mut counts = [0; 4];
        self.sequence().take(requests).for_each(|kind| counts[kind as usize] += 1);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_says_how_many_of_each_kind() {
        let mix: Mix = USUAL.parse().expect("the default");
        assert_eq!(mix.counts(1000), [700, 100, 100, 100]);
        assert_eq!(mix.sequence().next(), Some(Kind::Book));
        assert_eq!(mix.to_string(), USUAL);
        let only: Mix = " list=1 , book=0".parse().expect("spaces do not matter");
        assert_eq!(only.counts(7), [0, 0, 7, 0]);
    }

    #[test]
    fn kinds_are_spread_evenly() {
        let mix: Mix = "book=2,list=1".parse().expect("a mix");
        let names: Vec<&str> = mix.sequence().take(6).map(Kind::name).collect();
        assert_eq!(names, ["book", "list", "book", "book", "list", "book"]);
    }

    #[test]
    fn a_wrong_mix_is_explained() {
        let problem = |text: &str| text.parse::<Mix>().expect_err(text);
        assert!(problem("book=1,buy=2").contains("the kinds are book, cancel, list, replay"));
        assert!(problem("book=0,list=0").contains("sum to 0"));
        assert!(problem("").contains("sum to 0"));
        assert!(problem("cancel=1").contains("cancel needs bookings"));
        assert!(problem("replay=1,list=3").contains("replay needs bookings"));
        assert!(problem("book").contains("no weight"));
        assert!(problem("book=-1").contains("from 0 to 1000"));
        assert!(problem("book=1,book=2").contains("twice"));
    }
}
