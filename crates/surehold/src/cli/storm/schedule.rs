//! When the requests of an open-loop storm are to be sent.

use std::str::FromStr;
use std::time::Duration;

/// A part of the storm with one rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Requests per second.
    pub rate: u32,
    /// When it begins, from the start of the storm.
    pub begins: Duration,
    /// How long it takes.
    pub length: Duration,
}

impl Step {
    /// Requests in it.
    pub fn requests(&self) -> usize {
        (f64::from(self.rate) * self.length.as_secs_f64()).round() as usize
    }
}

/// When each request is to be sent: at equal distances within a step, whatever becomes of earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    steps: Vec<Step>,
}

/// `--ramp FROM..TO`, in requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    /// The rate of the first step.
    pub from: u32,
    /// The rate of the last step.
    pub to: u32,
}

/// The highest rate that can be asked for, in requests per second.
pub const RATE_MAX: u32 = 100_000;

impl FromStr for Ramp {
    type Err = String;

    fn from_str(text: &str) -> Result<Ramp, String> {
        let rate = |text: &str| text.trim().parse().ok().filter(|rate| (1..=RATE_MAX).contains(rate));
        let rates = text.split_once("..").and_then(|(from, to)| Some((rate(from)?, rate(to)?)));
        let (from, to) = rates
            .ok_or_else(|| format!("write it as 100..1000, two rates from 1 to {RATE_MAX} requests per second"))?;
        if from >= to {
            return Err("the rate has to grow: the first must be below the second".to_owned());
        }
        Ok(Ramp { from, to })
    }
}

impl Schedule {
    /// One rate all the time.
    pub fn constant(rate: u32, seconds: u32) -> Schedule {
        let length = Duration::from_secs(seconds.into());
        Schedule { steps: vec![Step { rate, begins: Duration::ZERO, length }] }
    }

    /// A rate that grows in `steps` equal steps, at least 2, over all the seconds.
    pub fn ramp(ramp: Ramp, steps: u32, seconds: u32) -> Schedule {
        let length = Duration::from_secs(seconds.into()) / steps;
        let growth = f64::from(ramp.to - ramp.from) / f64::from(steps - 1);
        let step = |number: u32| Step {
            rate: (f64::from(ramp.from) + growth * f64::from(number)).round() as u32,
            begins: length * number,
            length,
        };
        Schedule { steps: (0..steps).map(step).collect() }
    }

    /// Its steps, at least one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How long it takes.
    pub fn length(&self) -> Duration {
        self.steps.iter().map(|step| step.length).sum()
    }

    /// Requests in all.
    pub fn requests(&self) -> usize {
        self.steps.iter().map(Step::requests).sum()
    }

    /// Each request's step and intended time, from the start of the storm.
    pub fn times(&self) -> impl Iterator<Item = (usize, Duration)> {
        self.steps.iter().enumerate().flat_map(|(number, step)| {
            let distance = 1.0 / f64::from(step.rate);
            (0..step.requests()).map(move |i| (number, step.begins + Duration::from_secs_f64(i as f64 * distance)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_sent_at_equal_distances() {
        let times: Vec<_> = Schedule::constant(4, 2).times().map(|(_, at)| at.as_millis()).collect();
        assert_eq!(times, [0, 250, 500, 750, 1000, 1250, 1500, 1750]);
        assert_eq!(Schedule::constant(1000, 30).requests(), 30_000);
    }

    #[test]
    fn a_ramp_grows_from_the_first_rate_to_the_last() {
        let ramp = "100..400".parse().expect("a ramp");
        let schedule = Schedule::ramp(ramp, 4, 2);
        let rates: Vec<u32> = schedule.steps().iter().map(|step| step.rate).collect();
        assert_eq!(rates, [100, 200, 300, 400]);
        assert_eq!((schedule.requests(), schedule.length()), (500, Duration::from_secs(2)));
        let last = schedule.times().last().expect("a request");
        assert_eq!((last.0, last.1.as_micros()), (3, 1_997_500));
    }

    #[test]
    fn a_wrong_ramp_is_explained() {
        for text in ["100", "0..5", "1..x", "..", "5..100001"] {
            assert!(text.parse::<Ramp>().expect_err(text).contains("100..1000"), "{text}");
        }
        assert!("9..9".parse::<Ramp>().expect_err("flat").contains("has to grow"));
    }
}
