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
    ("shared_buffers", "128MB"),
    ("effective_cache_size", "512MB"),
    ("max_connections", "100"),
    ("random_page_cost", "1.1"),
    // Rare checkpoints and small full-page images: less written per booking.
    ("max_wal_size", "2GB"),
    ("wal_compression", "on"),
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

/// The command line after `postgres`. By `cluster_name`, `process` knows
/// the server's processes where it cannot see more.
pub(super) fn arguments(cluster: &Path, socket_dir: &Path, cluster_name: &str) -> Vec<std::ffi::OsString> {
    let mut arguments = vec!["-D".into(), cluster.as_os_str().to_owned()];
    let mut set = |name: &str, value: &str| {
        arguments.push("-c".into());
        arguments.push(format!("{name}={value}").into());
    };
    for (name, value) in FIXED {
        set(name, value);
    }
    set("port", &PORT.to_string());
    set("cluster_name", cluster_name);
    // A list, in which commas and spaces would need quotes: `socket` picks only plain paths.
    set("unix_socket_directories", &socket_dir.to_string_lossy());
    arguments
}
