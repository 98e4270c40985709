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
            .args(["demo", "--listen", "127.0.0.1:0", "--data-dir"])
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

    fn kill(&mut self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("it runs");
        self.child.wait().expect("it ends");
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_newcomers_first_minutes_and_a_hard_end() {
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

    // Killed without a word, PostgreSQL left behind: the next start finds its way, and the laws hold.
    demo.kill(Signal::SIGKILL);
    drop(demo);
    let mut demo = Demo::start(&data_dir);
    let doctor = demo.run(&["doctor"]);
    assert!(doctor.status.success(), "{}", text(&doctor));
    assert!(text(&doctor).contains("All 9 laws hold."), "{}", text(&doctor));

    // A second server on the folder is refused; a clean end stops the database, too.
    let second = demo.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!second.status.success(), "{}", text(&second));
    demo.kill(Signal::SIGINT);
    assert!(!data_dir.join("postgres/postmaster.pid").exists(), "PostgreSQL was stopped");
    std::fs::remove_dir_all(&data_dir).unwrap();
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.kill(Signal::SIGINT);
        }
    }
}
