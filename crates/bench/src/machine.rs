//! What a run ran on: as much as a reader needs to compare, and nothing that names the machine.

use std::process::Command;

use serde::Serialize;

use crate::cluster::Cluster;

/// What a run ran on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// Cores that programs can use.
    pub cores: usize,
    /// Memory, in gigabytes of 10^9 bytes.
    pub memory_gb: f64,
    /// The kernel's version.
    pub kernel: String,
    /// PostgreSQL's version.
    pub postgresql: String,
    /// The day, UTC.
    pub date: String,
    /// The commit of the working tree, with `+` if files differ from it.
    pub commit: String,
}

impl Machine {
    /// Looks at the machine. What cannot be found out is `unknown`.
    ///
    /// # Errors
    ///
    /// PostgreSQL does not answer.
    pub async fn look(cluster: &Cluster) -> anyhow::Result<Machine> {
        let client = cluster.connect("postgres").await?;
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let kib: f64 = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
        Ok(Machine {
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: (kib * 1024.0 / 1e8).round() / 10.0,
            kernel: number(&read("/proc/sys/kernel/osrelease")),
            postgresql: number(client.query_one("SHOW server_version", &[]).await?.try_get(0)?),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            commit: commit().unwrap_or_else(unknown),
        })
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The number that a version begins with: what follows is about who built it.
fn number(version: &str) -> String {
    version.trim().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_else(unknown)
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}+") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: A CPU: fast\nmodel name\t: B\n";
        assert_eq!(field(text, "model name"), "A CPU: fast");
        assert_eq!(field(text, "MemTotal"), "unknown");
    }

    #[test]
    fn of_a_version_the_number_counts() {
        assert_eq!(number("15.18 (Debian 15.18-0+deb12u1)"), "15.18");
        assert_eq!(number("6.1.0-13-amd64\n"), "6.1.0");
    }
}
