//! The stand-in for Stripe, driven as its users and its operator would: through its control routes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

const TIME_MAX: Duration = Duration::from_secs(30);

/// Where it is. Its control routes need no key.
#[derive(Clone)]
pub struct Simulator {
    client: Client,
    url: String,
}

/// A checkout session of our organisation, as the simulator has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionThere {
    pub id: String,
    /// Our payment.
    pub payment_id: Option<Uuid>,
    /// Whether it can still be paid.
    pub is_open: bool,
    /// Whether its money came.
    pub is_paid: bool,
    /// What came, in minor units.
    pub charged: i64,
    /// What went back of it.
    pub refunded: i64,
}

/// What the simulator tells of itself.
#[derive(Debug, Clone, Default)]
pub struct Whole {
    /// The sessions of one organisation, the oldest first.
    pub sessions: Vec<SessionThere>,
    /// Deliveries of webhooks that were acknowledged, whosever they were.
    pub acknowledged: u64,
    /// Those of the organisation that were not yet.
    pub undelivered: usize,
}

impl Simulator {
    /// The one at this address.
    ///
    /// # Errors
    ///
    /// There is none, or it is something else; Stripe itself is not even asked.
    pub async fn at(url: &str) -> anyhow::Result<Simulator> {
        let url = url.trim().trim_end_matches('/').to_owned();
        let host = reqwest::Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_ascii_lowercase));
        let host = host.with_context(|| format!("--stripe-api-base {url} is not a URL"))?;
        anyhow::ensure!(
            host != "stripe.com" && !host.ends_with(".stripe.com"),
            "storm --trips does not run against Stripe itself ({host}): it pays, fails and refunds by the dozen. Give \
             it a server that is paid at the stand-in for Stripe, such as `surehold demo`"
        );
        let client = Client::builder().connect_timeout(Duration::from_secs(5)).timeout(TIME_MAX).build()?;
        let simulator = Simulator { client, url };
        let asked = simulator.ask(Method::GET, "/_simulator/faults", None).await;
        let is_one = asked.is_ok_and(|(status, body)| status == StatusCode::OK && body.get("webhooks").is_some());
        anyhow::ensure!(
            is_one,
            "no stand-in for Stripe answers at {}, and storm --trips drives nothing else. Start `surehold demo`, or \
             give the address of a simulator with --stripe-api-base",
            simulator.url
        );
        Ok(simulator)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Does something to a session, as its page could. `false`: that cannot be done to it, or there is no such session.
    pub async fn act(&self, session: &str, action: &str) -> anyhow::Result<bool> {
        let path = format!("/_simulator/sessions/{session}/{action}");
        let (status, body) = self.ask(Method::POST, &path, Some(&json!({}))).await?;
        match status.as_u16() {
            200 => Ok(true),
            400 | 404 => Ok(false),
            _ => anyhow::bail!("cannot {action} a session: the simulator answered {status}: {body}"),
        }
    }

    /// Lets things go wrong, on top of what goes wrong already.
    pub async fn set_faults(&self, faults: &Value) -> anyhow::Result<()> {
        let (status, body) = self.ask(Method::POST, "/_simulator/faults", Some(faults)).await?;
        anyhow::ensure!(status == StatusCode::OK, "the simulator does not take its faults: {body}");
        Ok(())
    }

    /// Lets nothing go wrong any more.
    pub async fn clear_faults(&self) -> anyhow::Result<()> {
        let (status, body) = self.ask(Method::DELETE, "/_simulator/faults", None).await?;
        anyhow::ensure!(status == StatusCode::OK, "the simulator does not clear its faults: {body}");
        Ok(())
    }

    /// How it is, as far as it is about an organisation.
    pub async fn whole(&self, org_id: &str) -> anyhow::Result<Whole> {
        let (status, body) = self.ask(Method::GET, "/_simulator/state", None).await?;
        anyhow::ensure!(status == StatusCode::OK, "cannot read the simulator's state: it answered {status}");
        Ok(whole(&body, org_id))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("nothing answers at {}", self.url))?;
        let (status, text) = (answer.status(), answer.text().await?);
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}

fn whole(state: &Value, org_id: &str) -> Whole {
    let rows = |name: &str| state[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let charges: HashMap<&str, (i64, i64)> = rows("charges")
        .iter()
        .filter_map(|charge| {
            let intent = charge["payment_intent"].as_str()?;
            Some((intent, (charge["amount"].as_i64()?, charge["amount_refunded"].as_i64()?)))
        })
        .collect();
    let ours = rows("sessions").iter().filter(|session| session["metadata"]["org_id"] == org_id);
    let session = |session: &Value| {
        let money = session["payment_intent"].as_str().and_then(|intent| charges.get(intent)).copied();
        let (charged, refunded) = money.unwrap_or_default();
        SessionThere {
            id: session["id"].as_str().unwrap_or_default().to_owned(),
            payment_id: session["metadata"]["payment_id"].as_str().and_then(|id| id.parse().ok()),
            is_open: session["status"] == "open",
            is_paid: session["payment_status"] == "paid",
            charged,
            refunded,
        }
    };
    let webhooks = &state["webhooks"];
    let is_ours = |event: &&Value| event["data"]["object"]["metadata"]["org_id"] == org_id;
    let events: HashSet<&str> =
        rows("events").iter().filter(is_ours).filter_map(|event| event["id"].as_str()).collect();
    let undelivered = webhooks["undelivered"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours_undelivered = undelivered.iter().filter_map(|delivery| delivery["event_id"].as_str());
    Whole {
        sessions: ours.map(session).collect(),
        acknowledged: webhooks["acknowledged"].as_u64().unwrap_or(0),
        undelivered: ours_undelivered.filter(|id| events.contains(id)).count(),
    }
}
