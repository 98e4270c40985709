//! What processes cost, as `/proc` tells.

use anyhow::Context;

/// Clock ticks a second, in which `/proc` counts CPU time; Linux has no other value.
const TICKS_PER_SECOND: f64 = 100.0;

/// The fields of `/proc/<pid>/stat` that count here.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: i32,
    /// User and system time of the process itself, in ticks.
    own: u64,
    /// The same of its children that have ended.
    ended_children: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(text: &str) -> Option<Stat> {
    // The second field is the program's name in parentheses, which may contain anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

/// The parent of a process.
///
/// # Errors
///
/// There is no such process, or no `/proc`.
pub fn parent(pid: i32) -> anyhow::Result<i32> {
    Ok(stat(pid).with_context(|| format!("/proc/{pid}/stat cannot be read; the benchmark needs Linux"))?.parent)
}

/// CPU time of a process, its children and those of them that have ended, in seconds.
///
/// # Errors
///
/// There is no such process.
pub fn tree_cpu_seconds(pid: i32) -> anyhow::Result<f64> {
    let root = stat(pid).with_context(|| format!("process {pid} is gone"))?;
    let children = std::fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(stat)
        .filter(|child| child.parent == pid);
    let ticks = root.own + root.ended_children + children.map(|child| child.own + child.ended_children).sum::<u64>();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// The most memory that a process ever had, in megabytes of 10^6 bytes.
///
/// # Errors
///
/// There is no such process.
pub fn peak_memory_mb(pid: i32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("a server is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc tells no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_may_contain_anything() {
        let text = "42 (post) gres) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 30 5 20 0 1 0 9 9 9";
        assert_eq!(parse(text), Some(Stat { parent: 7, own: 120, ended_children: 35 }));
        assert_eq!(parse("42 (postgres) S 7"), None);
    }

    #[test]
    fn this_process_has_a_parent_and_uses_memory() {
        let own = i32::try_from(std::process::id()).expect("small");
        assert!(parent(own).expect("a parent") > 0);
        assert!(peak_memory_mb(own).expect("memory") > 1.0);
        assert!(tree_cpu_seconds(own).expect("time") >= 0.0);
    }
}
