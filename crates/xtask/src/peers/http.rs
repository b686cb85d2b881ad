//! A small HTTP/1.1 client on one kept connection.
//!
//! In: a port of this machine and requests. Out: a status and a body. Bound: [`TIME_MAX`] for each
//! read; bodies are those of servers that this program started itself.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long to wait for more of an answer.
const TIME_MAX: Duration = Duration::from_secs(180);

/// A connection to a server on this machine; it is made anew when the server has closed it.
pub(crate) struct Client {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

/// What a server said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(crate) fn new(port: u16) -> Client {
        Client { port, stream: None }
    }

    /// Asks for a path, which is escaped already.
    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "", &[])
    }

    /// Posts a form.
    pub(crate) fn post_form(&mut self, path: &str, form: &[(&str, &str)]) -> Result<Answer> {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.send("POST", path, kind, encode_form(form).as_bytes())
    }

    /// Posts a remote-write request of version 1, compressed already.
    pub(crate) fn remote_write(&mut self, body: &[u8]) -> Result<Answer> {
        let headers = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
        self.send("POST", "/api/v1/write", headers, body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        let kept = self.stream.is_some();
        match self.try_send(method, path, headers, body) {
            // The server may have closed the connection meanwhile.
            Err(_) if kept => {
                self.stream = None;
                self.try_send(method, path, headers, body)
            }
            answer => answer,
        }
    }

    fn try_send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.port)?,
        };
        let len = body.len();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {len}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        stream.get_mut().write_all(&request).context("send")?;
        let (answer, keep) = receive(&mut stream)?;
        self.stream = keep.then_some(stream);
        Ok(answer)
    }
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connect")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIME_MAX))?;
    Ok(BufReader::new(stream))
}

/// Reads an answer, and tells whether the connection may be used again.
fn receive(stream: &mut BufReader<TcpStream>) -> Result<(Answer, bool)> {
    let line = read_line(stream)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("read a status line: {line:?}"))?;
    let (mut len, mut chunked, mut keep) = (None, false, true);
    loop {
        let line = read_line(stream)?.to_ascii_lowercase();
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        match (name, value.trim()) {
            ("content-length", value) => len = value.parse::<usize>().ok(),
            ("transfer-encoding", value) => chunked = value == "chunked",
            ("connection", "close") => keep = false,
            _ => {}
        }
    }
    let mut body = Vec::new();
    match len {
        _ if chunked => read_chunks(stream, &mut body)?,
        Some(len) => {
            body.resize(len, 0);
            stream.read_exact(&mut body)?;
        }
        None if status == 204 => {}
        None => {
            keep = false;
            stream.read_to_end(&mut body)?;
        }
    }
    Ok((Answer { status, body }, keep))
}

fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let line = read_line(stream)?;
        let len = usize::from_str_radix(line.trim(), 16)
            .with_context(|| format!("read the length of a chunk: {line:?}"))?;
        let from = body.len();
        body.resize(from + len, 0);
        stream.read_exact(&mut body[from..])?;
        read_line(stream)?;
        if len == 0 {
            return Ok(());
        }
    }
}

fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).context("read")? == 0 {
        bail!("the server closed the connection");
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// Writes a form as a body or a query string.
pub(crate) fn encode_form(form: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in form {
        if !out.is_empty() {
            out.push('&');
        }
        escape(name, &mut out);
        out.push('=');
        escape(value, &mut out);
    }
    out
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_escaped() {
        let form = [("query", "a + \"ü\""), ("match[]", "x")];
        assert_eq!(
            encode_form(&form),
            "query=a%20%2B%20%22%C3%BC%22&match%5B%5D=x"
        );
    }
}
