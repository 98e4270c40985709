//! The server's settings. They go on its command line, which beats every configuration file: an
//! upgrade of this program takes effect at the next start, and as root we need not write files
//! into a folder that another account controls. Who wants to tune PostgreSQL runs their own and
//! sets `DATABASE_URL`.

use std::path::Path;

/// Only part of the socket's name, as nothing listens on TCP.
pub(super) const PORT: u16 = 5432;

const FIXED: &[(&str, &str)] = &[
    // Reached through the unix socket alone.
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("ssl", "off"),
    // What is confirmed to a customer is on the disk.
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    // In containers /dev/shm is often 64 MB or less; files in the cluster have no such limit.
    ("dynamic_shared_memory_type", "mmap"),
    // Sized for a small machine with an SSD.
    ("max_connections", "100"),
    ("random_page_cost", "1.1"),
    // Rare checkpoints: fewer full-page images, less written per booking.
    ("max_wal_size", "2GB"),
    // Compiling a plan costs more than our short statements take.
    ("jit", "off"),
    ("restart_after_crash", "on"),
    ("timezone", "UTC"),
    // We hand our log file to the server as its standard error.
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] %q%u@%d "),
    ("log_checkpoints", "off"),
    // Our messages are searched for words, so they must be English.
    ("lc_messages", "C"),
];

/// An eighth of the memory is PostgreSQL's own cache: pages of bookings, contacts and their indexes are read
/// at random, and each that is not there costs a copy from the kernel. The machine is shared with this
/// program and others, so it is less than the quarter that PostgreSQL's manual gives a server of its own.
const CACHE_SHARE_OF_MEMORY: u64 = 8;
/// Bounds of the cache, in megabytes. The lower one is PostgreSQL's default.
const CACHE_MB: std::ops::RangeInclusive<u64> = 128..=4096;

/// The size of PostgreSQL's cache on this machine, in megabytes.
fn cache_mb() -> u64 {
    const MB: u64 = 1 << 20;
    // Linux; elsewhere there is no /proc and the default has to do.
    let proc = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total_kb = proc.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().split(' ').next()?.parse().ok());
    // A container's limit, where there is one.
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let memory = total_kb.map_or(0, |kb: u64| kb * 1024).min(limit.unwrap_or(u64::MAX));
    (memory / CACHE_SHARE_OF_MEMORY / MB).clamp(*CACHE_MB.start(), *CACHE_MB.end())
}

/// How full-page images are compressed: where the server can, by the faster algorithm.
pub(super) const WAL_COMPRESSION: &str = "wal_compression";
/// The faster one, which a server may be built without.
pub(super) const LZ4: &str = "lz4";

/// The command line after `postgres`. By `cluster_name`, `process` knows
/// the server's processes where it cannot see more.
pub(super) fn arguments(
    cluster: &Path,
    socket_dir: &Path,
    cluster_name: &str,
    has_lz4: bool,
) -> Vec<std::ffi::OsString> {
    let mut arguments = vec!["-D".into(), cluster.as_os_str().to_owned()];
    let mut set = |name: &str, value: &str| {
        arguments.push("-c".into());
        arguments.push(format!("{name}={value}").into());
    };
    for (name, value) in FIXED {
        set(name, value);
    }
    let cache_mb = cache_mb();
    set("shared_buffers", &format!("{cache_mb}MB"));
    // What the kernel caches besides is for the planner to guess; this is what it may count on.
    set("effective_cache_size", &format!("{}MB", cache_mb * 4));
    set(WAL_COMPRESSION, if has_lz4 { LZ4 } else { "on" });
    set("port", &PORT.to_string());
    set("cluster_name", cluster_name);
    // A list, in which commas and spaces would need quotes: `socket` picks only plain paths.
    set("unix_socket_directories", &socket_dir.to_string_lossy());
    arguments
}
