//! A database whose certificate is signed by an authority of its own, as Supabase's are.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use surehold::private_postgres::{Options, PrivatePostgres};
use tokio::process::Child;

use super::*;

/// A PostgreSQL that listens on TCP, with TLS.
struct TlsPostgres {
    server: Child,
    url: String,
}

impl TlsPostgres {
    /// In this folder, with a certificate that its `ca.pem` signed.
    async fn start(folder: &Path) -> TlsPostgres {
        // A private one makes the cluster, and shows which program runs it as whom.
        let private = Options { data_dir: folder.join("data"), pg_bin: None };
        let private = PrivatePostgres::start(&private).await.unwrap();
        let cluster = folder.join("data/postgres");
        let pid = std::fs::read_to_string(cluster.join("postmaster.pid")).unwrap();
        let program = std::fs::read_link(format!("/proc/{}/exe", pid.lines().next().unwrap())).unwrap();
        let owner = std::fs::metadata(&cluster).unwrap();
        private.stop().await.unwrap();

        for file in ["server.pem", "server.key"] {
            std::fs::copy(folder.join(file), cluster.join(file)).unwrap();
            std::os::unix::fs::chown(cluster.join(file), Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        let trust = "host all all 127.0.0.1/32 trust\n";
        std::fs::write(cluster.join("tls_hba.conf"), trust).unwrap();
        std::os::unix::fs::chown(cluster.join("tls_hba.conf"), Some(owner.uid()), Some(owner.gid())).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            "unix_socket_directories=",
            "ssl=on",
            "ssl_cert_file=server.pem",
            "ssl_key_file=server.key",
            &format!("hba_file={}", cluster.join("tls_hba.conf").display()),
            "dynamic_shared_memory_type=mmap",
        ]
        .map(str::to_owned);
        let mut server = Command::new(program);
        server.arg("-D").arg(&cluster).args(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        if nix::unistd::geteuid().is_root() {
            server.uid(owner.uid()).gid(owner.gid());
        }
        let log = std::fs::File::create(folder.join("postgres.log")).unwrap();
        server.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null()).stderr(log).kill_on_drop(true);
        let mut server = server.spawn().unwrap();
        let url = format!("host=localhost port={port} user=surehold_owner dbname=surehold");
        while tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_err() {
            let ended = server.try_wait().unwrap();
            assert!(ended.is_none(), "{}", std::fs::read_to_string(folder.join("postgres.log")).unwrap());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        TlsPostgres { server, url }
    }

    async fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.server.id().unwrap()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        self.server.wait().await.unwrap();
    }
}

/// An authority, and what it signs for a server at `localhost`.
async fn sign(folder: &Path) {
    let script = "set -e; cd \"$1\"; key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $key -keyout ca.key -out ca.pem -subj '/CN=An authority of its own' -days 2
        openssl req -x509 $key -keyout other.key -out other.pem -subj '/CN=Another authority' -days 2
        openssl req $key -keyout server.key -out server.csr -subj /CN=localhost
        echo subjectAltName=DNS:localhost > names
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
        chmod 600 server.key";
    let output = Command::new("sh").args(["-c", script, "sh"]).arg(folder).output().await.unwrap();
    assert!(output.status.success(), "openssl is needed: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_an_authority_of_its_own_is_read_if_that_is_given() {
    let mut mover = Mover::with(&[]).await;
    let folder = mover.folder.0.clone();
    sign(&folder).await;
    // PostgreSQL's account has to reach its cluster.
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let there = TlsPostgres::start(&folder).await;
    let client = connect(&there.url).await;
    for file in [TABLES, AWKWARD] {
        client.batch_execute(file).await.unwrap();
    }
    mover.from.clone_from(&there.url);

    let refused = async |from: &str, ca: Option<&str>, words: &str| {
        let mut command = mover.command();
        command.env("SUREHOLD_FROM", from);
        if let Some(ca) = ca {
            command.arg("--from-ca").arg(folder.join(ca));
        }
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{words} is not in {said}");
    };
    refused(&there.url, None, "give the one that did with --from-ca FILE").await;
    refused(&there.url, Some("other.pem"), "invalid peer certificate").await;
    refused(&there.url, Some("server.key"), "holds no usable certificate").await;
    refused(&there.url, Some("none.pem"), "none.pem cannot be read").await;
    let by_address = there.url.replace("host=localhost", "host=127.0.0.1");
    refused(&by_address, Some("ca.pem"), "invalid peer certificate").await;
    let in_the_clear = format!("{} sslmode=disable", there.url);
    refused(&in_the_clear, Some("ca.pem"), "the URL says that there is no TLS").await;
    assert_eq!(mover.school.count("contacts").await, 0);

    let ca = folder.join("ca.pem");
    let run = mover.imports(&["--from-ca", ca.to_str().unwrap()]).await;
    run.counted("hubspot_bookings", "12 rows: 5 added, 0 changed, 0 unchanged, 7 not imported.");
    drop(client);
    there.stop().await;
}
