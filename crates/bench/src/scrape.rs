//! What the product's `/metrics` says.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The samples of `/metrics` at one moment.
pub struct Scrape(String);

impl Scrape {
    /// Asks a server.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub async fn of(server: SocketAddr) -> anyhow::Result<Scrape> {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.context("/metrics broke off")?;
        Ok(Scrape(answer))
    }

    /// The sum of all samples of a name, whatever their labels; `None`: there is none.
    pub fn sum(&self, name: &str) -> Option<f64> {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let value = match rest.strip_prefix('{') {
                Some(labels) => labels.rsplit_once("} ")?.1,
                None => rest.strip_prefix(' ')?,
            };
            value.trim().parse::<f64>().ok()
        });
        values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_name_are_added_up_and_longer_names_are_others() {
        let scrape = Scrape("# TYPE a counter\na{x=\"} 9\"} 2\na{x=\"2\"} 3\na_sum 10\nb 1\n".to_owned());
        assert_eq!((scrape.sum("a"), scrape.sum("a_sum"), scrape.sum("c")), (Some(5.0), Some(10.0), None));
    }
}
