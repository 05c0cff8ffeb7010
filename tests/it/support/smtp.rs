//! A relay that does as the test tells it: SMTP on a loopback port, each answer open to a script.
//!
//! Plain threads, so that tests with and without a tokio runtime can use it. It keeps what it accepted and every
//! line clients said. Dropping it ends it and its sessions.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio_rustls::rustls;

/// A point at which the server speaks.
#[derive(Debug, Clone, Copy)]
pub enum Moment<'a> {
    /// A client has connected.
    Greeting,
    /// EHLO.
    Hello,
    /// MAIL FROM.
    Sender,
    /// RCPT TO this address.
    Recipient(&'a str),
    /// DATA.
    Data,
    /// The text is complete; nothing has been answered to it.
    Text(&'a Received),
}

/// What the server does at a moment.
#[derive(Debug, Clone)]
pub enum Act {
    /// What a healthy relay does.
    Usual,
    /// Answers this line instead (without line end). A text refused so is not accepted.
    Say(&'static str),
    /// Never answers.
    Silence,
    /// Closes the connection without an answer.
    Cut,
    /// Accepts the text, then closes the connection without an answer.
    AcceptAndCut,
}

/// Protection of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// None offered.
    Plain,
    /// STARTTLS offered.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// A mail the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// The text as sent, dots undone, CRLF line ends.
    pub bytes: Vec<u8>,
}

impl Received {
    /// Value of the first header of that name, unfolded, as it stands (encoded words stay encoded).
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let (head, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let wanted = format!("{}:", name.to_ascii_lowercase());
        head.split("\r\n")
            .find(|line| line.to_ascii_lowercase().starts_with(&wanted))
            .map(|line| line.split_at(wanted.len()).1.trim().to_owned())
    }
}

/// The script: called with the moment and how often this kind of moment has come before.
pub type Script = Box<dyn Fn(Moment<'_>, usize) -> Act + Send + Sync>;

/// How the server is set up.
pub struct Setup {
    /// Protection.
    pub security: Security,
    /// User and password it wants before MAIL.
    pub login: Option<(&'static str, &'static str)>,
    /// What it does at each moment.
    pub script: Script,
    /// Port; 0 for any free one.
    pub port: u16,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            security: Security::Plain,
            login: None,
            script: Box::new(|_, _| Act::Usual),
            port: 0,
        }
    }
}

/// The running server.
pub struct SmtpServer {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The authority that signed its certificate (PEM); empty without TLS.
    pub ca_pem: String,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    setup: Setup,
    tls: Option<Arc<rustls::ServerConfig>>,
    accepted: Mutex<Vec<Received>>,
    said: Mutex<Vec<String>>,
    moments: Mutex<[usize; 6]>,
    streams: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl SmtpServer {
    /// A server with this setup, already listening.
    pub fn start(setup: Setup) -> SmtpServer {
        let listener = TcpListener::bind(("127.0.0.1", setup.port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ca_pem, tls) = match setup.security {
            Security::Plain => (String::new(), None),
            Security::StartTls | Security::Tls => {
                let (pem, config) = certificate();
                (pem, Some(config))
            }
        };
        let state = Arc::new(State {
            setup,
            tls,
            accepted: Mutex::default(),
            said: Mutex::default(),
            moments: Mutex::default(),
            streams: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, state) = (stream.unwrap(), Arc::clone(&shared));
                state.streams.lock().unwrap().push(stream.try_clone().unwrap());
                // A session that breaks is the client's to notice.
                std::thread::spawn(move || drop(Session::run(&state, stream)));
            }
        });
        SmtpServer {
            port,
            ca_pem,
            state,
            accepting: Some(accepting),
        }
    }

    /// A healthy plain server with a script.
    pub fn scripted(script: impl Fn(Moment<'_>, usize) -> Act + Send + Sync + 'static) -> SmtpServer {
        SmtpServer::start(Setup {
            script: Box::new(script),
            ..Setup::default()
        })
    }

    /// The mails it took, in order.
    pub fn accepted(&self) -> Vec<Received> {
        self.state.accepted.lock().unwrap().clone()
    }

    /// Every command line clients sent, in order.
    pub fn said(&self) -> Vec<String> {
        self.state.said.lock().unwrap().clone()
    }

    /// A port on which nobody listens now.
    pub fn free_port() -> u16 {
        TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        for stream in self.state.streams.lock().unwrap().iter() {
            // It may be closed already.
            drop(stream.shutdown(Shutdown::Both));
        }
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

/// Either kind of connection.
trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

struct Session<'a> {
    state: &'a State,
    line: BufReader<Box<dyn Line>>,
    /// The connection below TLS.
    raw: TcpStream,
}

impl Session<'_> {
    fn run(state: &State, stream: TcpStream) -> io::Result<()> {
        let raw = stream.try_clone()?;
        let line: Box<dyn Line> = if state.setup.security == Security::Tls {
            Box::new(secured(state, stream)?)
        } else {
            Box::new(stream)
        };
        let mut session = Session {
            state,
            line: BufReader::new(line),
            raw,
        };
        session.act(Moment::Greeting, "220 relay.example ESMTP")?;
        session.serve()
    }

    fn serve(&mut self) -> io::Result<()> {
        let state = self.state;
        let (mut mail, mut logged_in) = (empty(), state.setup.login.is_none());
        loop {
            let command = self.hear()?;
            state.said.lock().unwrap().push(command.clone());
            let upper = command.to_ascii_uppercase();
            if upper.starts_with("EHLO") {
                let offers = self.offers(state.setup.security == Security::StartTls);
                self.act(Moment::Hello, &offers)?;
            } else if upper == "STARTTLS" {
                self.say("220 2.0.0 ready")?;
                self.line = BufReader::new(Box::new(secured(state, self.raw.try_clone()?)?));
            } else if upper.starts_with("AUTH") {
                logged_in = self.login(&command)?;
            } else if upper.starts_with("MAIL FROM:") {
                mail = empty();
                mail.from = within_brackets(&command);
                if !logged_in {
                    self.say("530 5.7.0 authentication required")?;
                } else {
                    self.act(Moment::Sender, "250 2.1.0 ok")?;
                }
            } else if upper.starts_with("RCPT TO:") {
                let to = within_brackets(&command);
                if self.act(Moment::Recipient(&to), "250 2.1.5 ok")? {
                    mail.to.push(to);
                }
            } else if upper == "DATA" {
                if self.act(Moment::Data, "354 go on")? {
                    mail.bytes = self.hear_text()?;
                    self.act(Moment::Text(&mail), "250 2.0.0 queued")?;
                    mail = empty();
                }
            } else if upper == "QUIT" {
                return self.say("221 2.0.0 bye");
            } else {
                self.say("250 2.0.0 ok")?;
            }
        }
    }

    /// Does what the script says at this moment; true where that was the usual thing.
    fn act(&mut self, moment: Moment<'_>, usual: &str) -> io::Result<bool> {
        let act = (self.state.setup.script)(moment, self.state.count(moment));
        let taken = matches!(act, Act::Usual | Act::AcceptAndCut);
        if let (Moment::Text(mail), true) = (moment, taken) {
            self.state.accepted.lock().unwrap().push(mail.clone());
        }
        match act {
            Act::Usual => self.say(usual)?,
            Act::Say(line) => self.say(line)?,
            Act::Silence => {
                // Until the client hangs up.
                let mut rest = Vec::new();
                self.line.read_to_end(&mut rest)?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Act::Cut | Act::AcceptAndCut => return Err(self.hang_up()),
        }
        Ok(taken)
    }

    fn hang_up(&mut self) -> io::Error {
        // It may be closed already.
        drop(self.raw.shutdown(Shutdown::Both));
        io::ErrorKind::ConnectionAborted.into()
    }

    fn offers(&self, starttls: bool) -> String {
        let mut lines = vec!["250-relay.example".to_owned()];
        if starttls {
            lines.push("250-STARTTLS".to_owned());
        }
        if self.state.setup.login.is_some() {
            lines.push("250-AUTH PLAIN LOGIN".to_owned());
        }
        lines.push("250 ENHANCEDSTATUSCODES".to_owned());
        lines.join("\r\n")
    }

    /// AUTH PLAIN with its answer in the same line. A refusal repeats what was sent, as careless relays do.
    fn login(&mut self, command: &str) -> io::Result<bool> {
        let sent = command.rsplit(' ').next().unwrap_or("").to_owned();
        let right = self
            .state
            .setup
            .login
            .is_some_and(|(user, password)| base64_decoded(&sent) == format!("\0{user}\0{password}").into_bytes());
        if right {
            self.say("235 2.7.0 welcome")?;
        } else {
            self.say(&format!("535 5.7.8 not you: {sent}"))?;
        }
        Ok(right)
    }

    fn say(&mut self, lines: &str) -> io::Result<()> {
        let out = self.line.get_mut();
        out.write_all(format!("{lines}\r\n").as_bytes())?;
        out.flush()
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.line.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Lines up to the lone dot, with leading dots undone.
    fn hear_text(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.line.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                return Ok(text);
            }
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}

impl State {
    fn count(&self, moment: Moment<'_>) -> usize {
        let kind = match moment {
            Moment::Greeting => 0,
            Moment::Hello => 1,
            Moment::Sender => 2,
            Moment::Recipient(_) => 3,
            Moment::Data => 4,
            Moment::Text(_) => 5,
        };
        let mut moments = self.moments.lock().unwrap();
        moments[kind] += 1;
        moments[kind] - 1
    }
}

fn empty() -> Received {
    Received {
        from: String::new(),
        to: Vec::new(),
        bytes: Vec::new(),
    }
}

fn within_brackets(command: &str) -> String {
    command.split(['<', '>']).nth(1).unwrap_or("").to_owned()
}

fn secured(state: &State, stream: TcpStream) -> io::Result<rustls::StreamOwned<rustls::ServerConnection, TcpStream>> {
    let config = Arc::clone(state.tls.as_ref().unwrap());
    let connection = rustls::ServerConnection::new(config).map_err(io::Error::other)?;
    Ok(rustls::StreamOwned::new(connection, stream))
}

/// A fresh authority (PEM) and a server configuration with a certificate it signed for `localhost` and 127.0.0.1.
fn certificate() -> (String, Arc<rustls::ServerConfig>) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let signed = rcgen::CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![signed.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (pem, Arc::new(config))
}

/// Base64 (RFC 4648 §4) undone, written apart from what it checks; other characters are skipped.
pub fn base64_decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for c in text.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
            bits &= (1 << held) - 1;
        }
    }
    bytes
}
