//! HubSpot, as far as the benchmark needs it: the simulator, in this process.

use anyhow::Context;
use surehold_simulators::hubspot::{Effect, Fault, Limits, Options, Rule, Simulator};
use uuid::Uuid;

/// How many calls it lets through.
pub fn limits() -> Limits {
    Limits::professional()
}

/// How often each fault happens.
const FAULTY: f64 = 0.02;

/// A portal of HubSpot's.
pub struct HubSpot {
    /// Its stand-in.
    pub simulator: Simulator,
    token: String,
}

impl HubSpot {
    /// Starts it, on a free port.
    ///
    /// # Errors
    ///
    /// No port.
    pub async fn start() -> anyhow::Result<HubSpot> {
        let token = format!("pat-test-{}", Uuid::new_v4());
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            token: token.clone(),
            limits: limits(),
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.context("cannot start the stand-in for HubSpot")?;
        Ok(HubSpot { simulator, token })
    }

    /// The product's flags that name it. A call is given up soon, so that no lease outlives its holder for long.
    pub fn flags(&self) -> Vec<String> {
        let (calls, associations) = (limits().calls.to_string(), limits().association_calls.to_string());
        let flags = [
            ("--hubspot-access-token", self.token.as_str()),
            ("--hubspot-api-base", self.simulator.base_url()),
            ("--hubspot-calls-per-10s", &calls),
            ("--hubspot-associations-per-10s", &associations),
            ("--hubspot-timeout", "5"),
        ];
        flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.to_owned()]).collect()
    }

    /// From now on every call is answered with 503.
    pub fn goes_away(&self) {
        self.simulator.clear_faults();
        self.simulator.add_fault(Rule::sometimes(1.0, Fault::status(503)));
    }

    /// From now on it answers again, but one call of ten goes wrong: it fails, its answer is lost after the work was
    /// done or before, or it is slow.
    pub fn comes_back(&self) {
        self.simulator.clear_faults();
        let slow = Fault::Delay { ms: (500, 3_000), effect: Effect::All };
        for fault in [
            Fault::status(500),
            Fault::timeout(),
            Fault::Reset { effect: Effect::All },
            Fault::Reset { effect: Effect::None },
            slow,
        ] {
            self.simulator.add_fault(Rule::sometimes(FAULTY, fault));
        }
    }
}
