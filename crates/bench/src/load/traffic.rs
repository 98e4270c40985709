//! One traffic: requests of one sort over some connections, at one pace.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc, oneshot};

use super::connection::Connection;
use super::{RequestSet, Shared, Tally};

/// Requests of one sort over some connections, at one pace.
pub struct Traffic {
    /// What is sent.
    pub requests: Arc<RequestSet>,
    /// The number of the first request.
    pub first: usize,
    /// Connections.
    pub connections: usize,
    /// How fast.
    pub pace: Pace,
    /// Until when.
    pub end: End,
    /// Statuses that are answers to count; any other is an error.
    pub expected: &'static [u16],
    /// Told when so many requests made what they are for.
    pub milestone: Option<(u64, oneshot::Sender<()>)>,
}

/// How fast requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Closed loop: each connection sends its next request when it has the answer to its last one.
    Closed,
    /// Open loop: so many a second, whether answers come or not. A latency counts from the moment at which its
    /// request should have been sent, so waiting for a free connection counts, too.
    Open(f64),
}

/// When a traffic ends; in any case when its requests are used up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// No request is sent after this.
    After(Duration),
    /// So many requests are sent.
    Requests(usize),
}

/// A traffic with its connections open.
pub struct Ready {
    connections: Vec<Connection>,
    state: Shared<State>,
    pace: Pace,
    end: End,
    first: usize,
}

struct State {
    requests: Arc<RequestSet>,
    expected: &'static [u16],
    tally: RefCell<Tally>,
    milestone: RefCell<Option<(u64, oneshot::Sender<()>)>>,
    next: Cell<usize>,
    last: usize,
    start: Cell<Instant>,
    deadline: Cell<Option<Instant>>,
}

/// Opens the connections of a traffic, before its clock starts.
///
/// # Errors
///
/// Nobody listens there.
pub async fn connect(server: SocketAddr, traffic: Traffic) -> anyhow::Result<Ready> {
    let mut connections = Vec::with_capacity(traffic.connections);
    for _ in 0..traffic.connections {
        connections.push(Connection::open(server).await?);
    }
    let last = match traffic.end {
        End::After(_) => usize::MAX,
        End::Requests(count) => traffic.first + count,
    };
    let state = Rc::new(State {
        expected: traffic.expected,
        tally: RefCell::new(Tally::new(traffic.requests.made)?),
        milestone: RefCell::new(traffic.milestone),
        requests: traffic.requests,
        next: Cell::new(traffic.first),
        last,
        start: Cell::new(Instant::now()),
        deadline: Cell::new(None),
    });
    Ok(Ready { connections, state, pace: traffic.pace, end: traffic.end, first: traffic.first })
}

impl Ready {
    /// Sends until the end, and waits for every answer.
    ///
    /// # Errors
    ///
    /// A broken connection, or an answer that was not expected.
    pub async fn run(self) -> anyhow::Result<Tally> {
        let start = Instant::now();
        self.state.start.set(start);
        if let End::After(time) = self.end {
            self.state.deadline.set(Some(start + time));
        }
        let ticks = match self.pace {
            Pace::Closed => None,
            Pace::Open(per_second) => Some(Rc::new(Mutex::new(ticker(self.first, per_second, start, self.end)))),
        };
        let workers: Vec<_> = self
            .connections
            .into_iter()
            .map(|connection| tokio::task::spawn_local(work(connection, self.state.clone(), ticks.clone())))
            .collect();
        for worker in workers {
            worker.await??;
        }
        let mut tally = self.state.tally.replace(Tally::new(self.state.requests.made)?);
        tally.next = self.state.next.get();
        Ok(tally)
    }
}

type Ticks = Rc<Mutex<mpsc::UnboundedReceiver<(usize, Instant)>>>;

async fn work(mut connection: Connection, state: Shared<State>, ticks: Option<Ticks>) -> anyhow::Result<()> {
    loop {
        let turn = match &ticks {
            None => state.next_now(),
            Some(ticks) => {
                let tick = ticks.lock().await.recv().await;
                tick.inspect(|(number, _)| state.next.set(number + 1))
            }
        };
        let Some((number, intended)) = turn else { return Ok(()) };
        let Some(request) = state.requests.build(number) else { return Ok(()) };
        let unexpected = |status| !state.expected.contains(&status);
        let (status, body) = connection.ask(request, unexpected).await?;
        anyhow::ensure!(
            !unexpected(status),
            "request {number} was answered with {status}: {}",
            String::from_utf8_lossy(&body)
        );
        state.count(status, intended);
    }
}

impl State {
    /// The next request of a closed loop, due now.
    fn next_now(&self) -> Option<(usize, Instant)> {
        let (number, now) = (self.next.get(), Instant::now());
        if number >= self.last || self.deadline.get().is_some_and(|deadline| now >= deadline) {
            return None;
        }
        self.next.set(number + 1);
        Some((number, now))
    }

    fn count(&self, status: u16, intended: Instant) {
        let now = Instant::now();
        let mut tally = self.tally.borrow_mut();
        tally.add(status, now - intended);
        if status < 300 && self.deadline.get().is_none_or(|deadline| now <= deadline) {
            tally.in_time += 1;
        }
        tally.elapsed = now - self.start.get();
        let mut milestone = self.milestone.borrow_mut();
        if milestone.as_ref().is_some_and(|(count, _)| tally.created >= *count)
            && let Some((_, reached)) = milestone.take()
        {
            tally.milestone = Some(tally.elapsed);
            let _ = reached.send(()); // who does not listen does not need it
        }
    }
}

/// Says when each request of an open loop is due. A thread of its own sleeps more exactly than the timers of
/// the runtime, which know milliseconds.
fn ticker(first: usize, per_second: f64, start: Instant, end: End) -> mpsc::UnboundedReceiver<(usize, Instant)> {
    let (due, ticks) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for count in 0_u32.. {
            let offset = Duration::from_secs_f64(f64::from(count) / per_second);
            let over = match end {
                End::After(time) => offset >= time,
                End::Requests(requests) => count as usize >= requests,
            };
            let intended = start + offset;
            std::thread::sleep(intended.saturating_duration_since(Instant::now()));
            if over || due.send((first + count as usize, intended)).is_err() {
                return;
            }
        }
    });
    ticks
}
