//! Runs programs of callers, in Node, with an official client. The tests of two crates include this file: each has its own
//! `tests/node`, and the packages there.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Runs a script of `tests/node` to its last step, with some settings in its environment, and returns what it printed. Not
/// skipped where Node or the client's package is missing: then nobody would know that it never runs.
pub async fn node(package: &str, script: &str, settings: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    let is_installed = folder.join("node_modules").join(package).is_dir();
    assert!(is_installed, "{package} is not installed: run scripts/setup test");
    let run = Command::new("node")
        .arg(script)
        .current_dir(&folder)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .expect("it ends")
        .expect("node runs: scripts/setup test");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("all steps done\n"), "{said}\n{complained}");
    said.into_owned()
}
