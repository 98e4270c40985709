//! The few bytes of PostgreSQL's protocol that tell whether a server answers, and that make the
//! database. Its own programs for this (`pg_isready`, `createdb`) are in the client package, which
//! a machine with a server need not have; and the store's pool should find a database ready.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::OWNER;

/// How a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It let us in, and ran the statement if there was one.
    Ready,
    /// Nobody listens on the socket.
    Nobody,
    /// It is starting up, recovering or shutting down.
    NotNow(String),
    /// It has no such database.
    NoDatabase,
    /// It said no, for another reason.
    Refused(String),
}

const PROTOCOL_3_0: i32 = 196_608;

/// Connects to `database` as the owner, and runs `statement` if given.
pub(super) async fn ask(socket_dir: &Path, port: u16, database: &str, statement: Option<&str>) -> Answer {
    // A database is copied from a template, which takes a moment on a slow disk.
    let patience = Duration::from_secs(if statement.is_some() { 60 } else { 5 });
    let socket = socket_dir.join(format!(".s.PGSQL.{port}"));
    match timeout(patience, converse(&socket, database, statement)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Answer::Nobody,
            // It died or was stopped while we spoke.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Answer::Nobody,
            _ => Answer::Refused(format!("{}: {error}", socket.display())),
        },
        Err(_) => Answer::NotNow(format!("no answer within {} s", patience.as_secs())),
    }
}

async fn converse(socket: &Path, database: &str, mut statement: Option<&str>) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&startup(database)).await?;
    let mut failure = None;
    let mut logged_in = false;
    loop {
        let (kind, body) = read_message(&mut stream).await?;
        match kind {
            // Anything but 0 asks for a password or the like.
            b'R' if body != [0; 4] => return Ok(Answer::Refused("it asks for a password".to_owned())),
            b'E' if !logged_in => return Ok(explain(&body)), // the server hangs up after this
            b'E' => failure = Some(explain(&body)),
            b'Z' => {
                logged_in = true;
                let Some(text) = statement.take() else {
                    stream.write_all(&[b'X', 0, 0, 0, 4]).await.ok();
                    return Ok(failure.unwrap_or(Answer::Ready));
                };
                stream.write_all(&message(b'Q', text)).await?;
            }
            _ => {}
        }
    }
}

/// The first message, which alone has no kind byte.
fn startup(database: &str) -> Vec<u8> {
    let mut body = PROTOCOL_3_0.to_be_bytes().to_vec();
    for text in ["user", OWNER, "database", database, "application_name", "surehold-probe", ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    let mut bytes = length(body.len()).to_vec();
    bytes.append(&mut body);
    bytes
}

fn message(kind: u8, text: &str) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&length(text.len() + 1));
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes
}

/// The length field counts itself.
fn length(body_bytes: usize) -> [u8; 4] {
    u32::try_from(body_bytes + 4).unwrap_or(u32::MAX).to_be_bytes()
}

async fn read_message(stream: &mut UnixStream) -> io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await?;
    let length = stream.read_u32().await?;
    if !(4..=1_000_000).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a PostgreSQL server"));
    }
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}

/// An error message is a list of fields: a letter, then text ended by a zero.
fn explain(body: &[u8]) -> Answer {
    let field = |letter: u8| {
        body.split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&letter))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
            .unwrap_or_default()
    };
    match field(b'C').as_str() {
        "3D000" => Answer::NoDatabase,
        "57P01" | "57P02" | "57P03" => Answer::NotNow(field(b'M')),
        _ => Answer::Refused(field(b'M')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_their_code() {
        let body = |code: &str| format!("SFATAL\0VFATAL\0C{code}\0Mbecause\0Fpostinit.c\0\0").into_bytes();
        assert_eq!(explain(&body("3D000")), Answer::NoDatabase);
        assert_eq!(explain(&body("57P03")), Answer::NotNow("because".to_owned()));
        assert_eq!(explain(&body("28000")), Answer::Refused("because".to_owned()));
    }

    #[test]
    fn the_startup_message_counts_its_own_length() {
        let bytes = startup("surehold");
        assert_eq!(usize::try_from(u32::from_be_bytes(bytes[..4].try_into().unwrap())).unwrap(), bytes.len());
        assert!(bytes.ends_with(b"\0\0"));
    }
}
