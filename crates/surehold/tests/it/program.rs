//! The program itself, as a newcomer runs it: demo, imports, storm, doctor, and a hard end in between.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");

/// A demo in a folder of its own; ended when dropped.
struct Demo {
    data_dir: PathBuf,
    child: Child,
}

impl Demo {
    fn start(data_dir: &Path) -> Demo {
        let env_file = data_dir.join("demo.env");
        let _ = std::fs::remove_file(&env_file);
        let child = Command::new(BINARY)
            .args(["demo", "--listen", "127.0.0.1:0", "--hubspot-calls-per-10s", "190", "--data-dir"])
            .arg(data_dir)
            .env_remove("DATABASE_URL")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let demo = Demo { data_dir: data_dir.to_owned(), child };
        // demo.env is written when it listens.
        wait_until("the demo listens", || env_file.exists());
        demo
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(BINARY)
            .args(args)
            .arg("--data-dir")
            .arg(&self.data_dir)
            .env_remove("DATABASE_URL")
            .current_dir(&self.data_dir)
            .output()
            .expect("the program runs")
    }

    /// Waits until HubSpot has everything, and has it as it is here.
    fn is_mirrored(&self) {
        let status = || text(&self.run(&["sync", "status"]));
        wait_until("everything is mirrored", || status().contains("nothing waits for HubSpot"));
        assert!(!status().contains("parked"), "{}", status());
        let mut check = Command::new(BINARY);
        check.args(["sync", "--check", "--data-dir"]).arg(&self.data_dir).env_remove("DATABASE_URL");
        for name in ["SUREHOLD_HUBSPOT_API_BASE", "SUREHOLD_HUBSPOT_ACCESS_TOKEN", "SUREHOLD_HUBSPOT_CLIENT_SECRET"] {
            check.env(name, setting(&self.data_dir, name));
        }
        // The server may be at it.
        wait_until("both sides agree", || text(&check.output().unwrap()).contains("both sides agree"));
    }

    fn kill(&mut self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("it runs");
        self.child.wait().expect("it ends");
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within three minutes");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomers_first_minutes_and_a_hard_end() {
    let data_dir = std::env::temp_dir().join(format!("surehold-program-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&data_dir).unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let (sessions, contacts) = (format!("{examples}/sessions.csv"), format!("{examples}/contacts.csv"));
    let mut demo = Demo::start(&data_dir);

    // The files of a school, bad rows included; a second time nothing changes.
    let first = text(&demo.run(&["import", "sessions", &sessions]));
    assert!(first.contains("245 added, 0 changed, 0 unchanged, 7 not imported."), "{first}");
    let first = text(&demo.run(&["import", "contacts", &contacts]));
    assert!(first.contains("5,000 added, 0 changed, 0 unchanged, 10 not imported."), "{first}");
    let again = text(&demo.run(&["import", "contacts", &contacts]));
    assert!(again.contains("0 added, 0 changed, 5,000 unchanged, 10 not imported."), "{again}");

    let storm = demo.run(&["storm", "--seats", "1", "--clients", "10"]);
    assert!(storm.status.success(), "{}", text(&storm));
    assert!(text(&storm).contains("1 booked, 9 refused: EXAM_FULL … PASS"), "{}", text(&storm));

    // The files are exports of the demo's HubSpot, so each row finds its record there.
    let everything = [5_000 + STUDENTS, 245 + SESSIONS, 1];
    demo.is_mirrored();
    is_mirrored(&data_dir, everything).await;
    assert_eq!(credits_of_olivia(&data_dir).await, 4, "as the file says");

    // Killed without a word, PostgreSQL left behind: the next start finds its way, and the laws hold.
    demo.kill(Signal::SIGKILL);
    drop(demo);
    let mut demo = Demo::start(&data_dir);
    let doctor = demo.run(&["doctor"]);
    assert!(doctor.status.success(), "{}", text(&doctor));
    assert!(text(&doctor).contains("All 9 laws hold."), "{}", text(&doctor));

    // The HubSpot of this start knows nothing of the last one's; what it says of credits is not bought again.
    demo.is_mirrored();
    is_mirrored(&data_dir, everything).await;
    assert_eq!(credits_of_olivia(&data_dir).await, 4, "counted once");

    // A second server on the folder is refused; a clean end stops the database, too.
    let second = demo.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!second.status.success(), "{}", text(&second));
    demo.kill(Signal::SIGINT);
    assert!(!data_dir.join("postgres/postmaster.pid").exists(), "PostgreSQL was stopped");
    std::fs::remove_dir_all(&data_dir).unwrap();
}

/// Four students, and one whom only HubSpot knows.
const STUDENTS: usize = 5;
/// Nine sessions, and nine slots of experiences.
const SESSIONS: usize = 18;

/// The demo has a HubSpot: everything is mirrored there, also to the new one of the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_is_mirrored() {
    let data_dir = std::env::temp_dir().join(format!("surehold-mirrored-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&data_dir).unwrap();
    // HubSpot also has what the examples are exports of, which nobody has imported.
    let everything = [5_000 + STUDENTS, 245 + SESSIONS, 1];
    for _ in 0..2 {
        let mut demo = Demo::start(&data_dir);
        is_mirrored(&data_dir, everything).await;
        newcomer_logs_in(&data_dir).await;
        demo.is_mirrored();
        let state = hubspot(&data_dir).await;
        let contacts = state["objects"]["0-1"].as_array().unwrap();
        let newcomer = contacts.iter().find(|record| record["properties"]["student_id"] == "1588888").unwrap();
        let credits = &newcomer["properties"]["cs_credits"];
        assert_eq!(credits, "2", "bought once, however often the demo is started: {newcomer:#}");
        let doctor = demo.run(&["doctor"]);
        assert!(doctor.status.success(), "{}", text(&doctor));
        demo.kill(Signal::SIGINT);
    }
    std::fs::remove_dir_all(&data_dir).unwrap();
}

/// A value of demo.env.
fn setting(data_dir: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(data_dir.join("demo.env")).expect("demo.env");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).expect(name);
    line.trim_matches('\'').to_owned()
}

/// Everything at the demo's stand-in for HubSpot.
async fn hubspot(data_dir: &Path) -> serde_json::Value {
    let url = format!("{}/_simulator/state", setting(data_dir, "SUREHOLD_HUBSPOT_API_BASE"));
    http().get(url).send().await.unwrap().json().await.unwrap()
}

/// Waits until there are so many contacts, sessions and bookings.
async fn is_mirrored(data_dir: &Path, wanted: [usize; 3]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let state = hubspot(data_dir).await;
        let found =
            ["0-1", "2-50158913", "2-50158943"].map(|kind| state["objects"][kind].as_array().map_or(0, Vec::len));
        if found == wanted && state["associations"].as_array().is_some_and(|all| all.len() == 2 * wanted[2]) {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?}: not {wanted:?} within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The student whom only HubSpot knows at first logs in.
async fn newcomer_logs_in(data_dir: &Path) {
    let body = serde_json::json!({ "student_id": "1588888", "email": "noor.haddad@example.org" });
    asks(data_dir, "/api/user/login", &body).await;
}

/// What a student of the examples can spend on Clinical Skills.
async fn credits_of_olivia(data_dir: &Path) -> i64 {
    let body = serde_json::json!({
        "student_id": "1500007", "email": "olivia.park1@example.org", "mock_type": "Clinical Skills",
    });
    asks(data_dir, "/api/mock-exams/validate-credits", &body).await["data"]["available_credits"].as_i64().unwrap()
}

async fn asks(data_dir: &Path, path: &str, body: &serde_json::Value) -> serde_json::Value {
    let url = format!("{}{path}", setting(data_dir, "SUREHOLD_URL"));
    let answer = http().post(url).json(body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.kill(Signal::SIGINT);
        }
    }
}
