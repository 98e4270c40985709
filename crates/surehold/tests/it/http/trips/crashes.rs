//! The program is killed at each step between "seats held" and "answer sent", and started again: nothing is lost.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use surehold_simulators::stripe::{Action, Simulator};

use crate::support::MarketplaceApi;
use crate::support::api::merged;
use crate::support::cut::{Cut, Wire};
use crate::support::gate::{Gate, Stop};
use crate::support::marketplace_api::{
    JWT_SECRET, STRIPE_KEY, Slot, Traveller, WEBHOOK, WEBHOOK_SECRET, checkout_of, stripe_options, traveller, until,
};

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");
const CREATE: &str = "POST /v1/checkout/sessions ";
const EXPIRE_OR_READ: &str = "GET /v1/checkout/sessions/";
const REFUND: &str = "POST /v1/refunds";

/// The real program on the marketplace's database, with a gate between it and Stripe.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(database: &str, stripe: &str) -> Server {
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-limit-address", "0", "--reconcile-every", "1"])
            .args(["--database-url", database, "--stripe-api-base", stripe])
            .args(["--command-connections", "1", "--read-connections", "3"])
            .env_remove("DATABASE_URL")
            .env("SUREHOLD_STRIPE_SECRET_KEY", STRIPE_KEY)
            .env("SUREHOLD_STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("SUREHOLD_JWT_SECRET", JWT_SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = said.next().expect("it says where it listens").expect("text");
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address").to_owned();
        Server { child, url }
    }

    /// Ends it without a word.
    fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, Signal::SIGKILL).expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl std::ops::Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.end();
        }
    }
}

/// A marketplace whose service is the real program.
struct Scene {
    /// Its office, and its database.
    shop: MarketplaceApi,
    gate: Gate,
    ann: Traveller,
    slots: [Slot; 2],
}

impl Scene {
    async fn set() -> Scene {
        let stripe = Simulator::start(stripe_options()).await.unwrap();
        let gate = Gate::to(stripe.address()).await;
        let shop = MarketplaceApi::paid_through(stripe, Default::default(), |_| {}).await;
        shop.stripe.set_webhooks(Vec::new());
        let slots = shop.slots([3, 2]).await;
        Scene { shop, gate, ann: traveller(), slots }
    }

    /// Starts the program; Stripe's webhooks go to it.
    fn starts(&self) -> Server {
        self.starts_on(&self.shop.api.school.db.url)
    }

    fn starts_on(&self, database: &str) -> Server {
        let server = Server::start(database, &self.gate.url);
        self.shop.stripe.set_webhook(format!("{}{WEBHOOK}", server.url), WEBHOOK_SECRET);
        server
    }

    fn items(&self) -> Value {
        json!([self.slots[0].item(3), self.slots[1].item(2)])
    }

    /// Checks out at the program; nobody hears the answer if it dies.
    fn checks_out(&self, server: &Server) -> tokio::task::JoinHandle<Option<(u16, Value)>> {
        let body = merged(checkout_of(&self.ann), json!({ "tripItems": self.items() }));
        let call = self.shop.api.client.post(format!("{}/functions/v1/checkout", server.url));
        let call = call.bearer_auth(&self.ann.token).json(&body);
        tokio::spawn(async move {
            let answer = call.send().await.ok()?;
            let status = answer.status().as_u16();
            Some((status, answer.json().await.ok()?))
        })
    }

    /// Every seat of both slots.
    async fn seats(&self) -> [(i32, i32); 2] {
        [self.shop.seats(&self.slots[0]).await, self.shop.seats(&self.slots[1]).await]
    }

    /// The same checkout works after a new start; it is paid, and what is there in the end is one paid trip.
    async fn it_ends_well(&self) {
        self.gate.stops(Stop::Nowhere);
        let server = self.starts();
        let (status, body) = self.checks_out(&server).await.unwrap().expect("an answer");
        assert!([200, 201].contains(&status), "{status} {body:#}");
        assert_eq!(self.seats().await, [(0, 3), (0, 2)]);
        let session = body["sessionId"].as_str().unwrap();
        let open: Vec<_> = self.shop.stripe.sessions().into_iter().filter(|session| session.is_open()).collect();
        assert_eq!(open.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), [session], "one session");
        self.shop.pays(session).await;
        assert_eq!(self.seats().await, [(3, 0), (2, 0)]);
        server.kill();
        self.all_is_well().await;
    }

    /// The laws hold, by the program's own word; and no money is without a booking or a refund.
    async fn all_is_well(&self) {
        let doctor = Command::new(BINARY)
            .args(["doctor", "--database-url", &self.shop.api.school.db.url])
            .env_remove("DATABASE_URL")
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&doctor.stdout);
        assert!(doctor.status.success() && said.contains("laws hold"), "{said}");
        let money: i64 = self.shop.stripe.charges().iter().map(|charge| charge.rest()).sum();
        let booked = "SELECT coalesce(sum(price_minor), 0)::bigint FROM bookings WHERE status = 'confirmed'";
        assert_eq!(self.shop.api.school.number(booked).await, money);
    }

    /// Nobody comes back: the hold ends by itself.
    async fn nobody_comes_back(&self) {
        self.gate.stops(Stop::Nowhere);
        let server = self.starts();
        let sql = "SELECT id FROM payments WHERE status = 'pending'";
        let rows = self.shop.api.school.db.owner().await.query(sql, &[]).await.unwrap();
        for row in rows {
            self.shop.time_goes_by(row.get(0), -121, -1).await;
        }
        until("the seats are free", async || self.seats().await == [(0, 0), (0, 0)]).await;
        server.kill();
        self.all_is_well().await;
    }
}

/// The next COMMIT is cut, and the program cannot connect again to find out what became of it.
fn no_way_back(wire: &Wire) {
    std::fs::rename(wire.socket_dir.join(".s.PGSQL.5432"), wire.socket_dir.join("gone")).unwrap();
    wire.cut_next(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_held_and_stripe_was_not_asked() {
    for comes_back in [true, false] {
        let scene = Scene::set().await;
        let server = scene.starts();
        scene.gate.stops(Stop::Before(CREATE));
        let call = scene.checks_out(&server);
        scene.gate.has_stopped(1).await;
        assert_eq!(scene.seats().await, [(0, 3), (0, 2)]);
        server.kill();
        assert_eq!(call.await.unwrap(), None);
        assert_eq!(scene.shop.stripe.sessions().len(), 0);
        if comes_back { scene.it_ends_well().await } else { scene.nobody_comes_back().await }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe_has_made_the_session_and_has_not_said_so() {
    for comes_back in [true, false] {
        let scene = Scene::set().await;
        let server = scene.starts();
        scene.gate.stops(Stop::After(CREATE));
        let call = scene.checks_out(&server);
        scene.gate.has_stopped(1).await;
        server.kill();
        assert_eq!(call.await.unwrap(), None);
        assert_eq!(scene.shop.stripe.sessions().len(), 1);
        if comes_back {
            scene.it_ends_well().await;
            assert_eq!(scene.shop.stripe.sessions().len(), 1, "the same bytes under the same key");
        } else {
            scene.nobody_comes_back().await;
        }
    }
}

/// The session is noted, or was about to be, when the way to the database breaks and the program dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_is_noted_and_nobody_was_told() {
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        let scene = Scene::set().await;
        let db = &scene.shop.api.school.db;
        let wire = Wire::to(&db.socket_dir, cut).await;
        let (real, through) = (db.socket_dir.display().to_string(), wire.socket_dir.display().to_string());
        let server = scene.starts_on(&db.url.replace(&real, &through));
        scene.gate.stops(Stop::After(CREATE));
        let call = scene.checks_out(&server);
        scene.gate.has_stopped(1).await;
        // From here on the next COMMIT is the one that notes the session: the hold is committed.
        no_way_back(&wire);
        scene.gate.stops(Stop::Nowhere);
        until("a commit was cut", async || wire.cuts_made() > 0).await;
        server.kill();
        assert_eq!(call.await.unwrap(), None);
        let noted = scene.shop.count("payments WHERE stripe_session_id IS NOT NULL");
        match cut {
            Cut::AfterCommit => {
                until("it is noted", async || {
                    scene.shop.count("payments WHERE stripe_session_id IS NOT NULL").await == 1
                })
                .await
            }
            Cut::BeforeCommit => assert_eq!(noted.await, 0),
        }
        scene.it_ends_well().await;
        assert_eq!(scene.shop.stripe.sessions().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_dies_before_or_after_its_commit() {
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        let scene = Scene::set().await;
        let db = &scene.shop.api.school.db;
        let wire = Wire::to(&db.socket_dir, cut).await;
        let (real, through) = (db.socket_dir.display().to_string(), wire.socket_dir.display().to_string());
        let server = scene.starts_on(&db.url.replace(&real, &through));
        let (_, body) = scene.checks_out(&server).await.unwrap().expect("an answer");
        let session = body["sessionId"].as_str().unwrap().to_owned();
        // Nobody but the webhook settles it.
        scene.gate.stops(Stop::Before(EXPIRE_OR_READ));
        no_way_back(&wire);
        scene.shop.stripe.act(&session, Action::Pay).unwrap();
        until("a commit was cut", async || wire.cuts_made() > 0).await;
        server.kill();
        let confirmed = || scene.shop.count("bookings WHERE status = 'confirmed'");
        match cut {
            Cut::AfterCommit => until("it was done", async || confirmed().await == 2).await,
            Cut::BeforeCommit => assert_eq!(confirmed().await, 0),
        }
        assert!(!scene.shop.stripe.undelivered().is_empty(), "not acknowledged");

        let server = scene.starts();
        scene.shop.delivered().await;
        assert_eq!(scene.seats().await, [(3, 0), (2, 0)]);
        assert_eq!(scene.shop.count("journal WHERE event = 'booking.confirmed'").await, 2);
        assert_eq!(scene.shop.count("stripe_events WHERE type = 'checkout.session.completed'").await, 1);
        server.kill();
        scene.all_is_well().await;
    }
}

/// The webhook is lost for ever with the program: the next one finds the money by asking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_came_while_the_program_was_dead_is_found() {
    let scene = Scene::set().await;
    let server = scene.starts();
    let (_, body) = scene.checks_out(&server).await.unwrap().expect("an answer");
    server.kill();
    scene.shop.stripe.set_webhooks(Vec::new());
    scene.shop.stripe.act(body["sessionId"].as_str().unwrap(), Action::Pay).unwrap();
    let server = scene.starts();
    until("it is settled", async || scene.seats().await == [(3, 0), (2, 0)]).await;
    server.kill();
    scene.all_is_well().await;

    // While it was dead for so long that the hold is over, too: its seats are free, so it gets them again.
    let scene = Scene::set().await;
    let server = scene.starts();
    let (_, body) = scene.checks_out(&server).await.unwrap().expect("an answer");
    server.kill();
    scene.shop.stripe.set_webhooks(Vec::new());
    scene.shop.stripe.act(body["sessionId"].as_str().unwrap(), Action::Pay).unwrap();
    let payment = body["paymentId"].as_str().unwrap().parse().unwrap();
    scene.shop.time_goes_by(payment, -3600, -3480).await;
    let server = scene.starts();
    until("it is settled", async || scene.seats().await == [(3, 0), (2, 0)]).await;
    server.kill();
    scene.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_requested_and_stripe_has_not_answered() {
    for stop in [Stop::Before(REFUND), Stop::After(REFUND)] {
        let scene = Scene::set().await;
        let server = scene.starts();
        let (_, body) = scene.checks_out(&server).await.unwrap().expect("an answer");
        scene.shop.pays(body["sessionId"].as_str().unwrap()).await;
        scene.gate.stops(stop.clone());
        let booking = body["bookings"][0]["id"].as_str().unwrap();
        let path = format!("{}/functions/v1/bookings/{booking}/cancel", server.url);
        let call = scene.shop.api.client.post(path).bearer_auth(&scene.ann.token).json(&json!({}));
        assert_eq!(call.send().await.unwrap().status(), 200);
        scene.gate.has_stopped(1).await;
        server.kill();
        let made = if stop == Stop::Before(REFUND) { 0 } else { 1 };
        assert_eq!(scene.shop.stripe.refunds().len(), made);

        scene.gate.stops(Stop::Nowhere);
        let server = scene.starts();
        let done = async || scene.shop.count("refunds WHERE status = 'succeeded'").await == 1;
        until("the refund is made and known", done).await;
        scene.shop.delivered().await;
        assert_eq!(scene.shop.stripe.refunds().iter().map(|refund| refund.amount).collect::<Vec<_>>(), [15_000]);
        assert_eq!(scene.seats().await, [(0, 0), (2, 0)]);
        server.kill();
        scene.all_is_well().await;
    }
}
