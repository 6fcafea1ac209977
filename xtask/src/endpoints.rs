//! The embedded endpoints on their fixed loopback ports: joined if some command of ours started them, else started.
//!
//! Whoever starts them keeps them until nobody uses them any more, so that a second terminal does not lose them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::binaries::Binaries;
use crate::child::{Child, Line, Output, now, pause};
use crate::console::say;
use crate::failure::Failure;
use crate::interrupt;
use crate::limits::MOST_SHARDS;

/// Where the two-terminal form meets.
pub(crate) const DEFAULT_KINESIS_PORT: u16 = 14_567;
pub(crate) const DEFAULT_DYNAMODB_PORT: u16 = 14_568;
/// The stream of the embedded endpoints.
pub(crate) const STREAM: &str = "words";

const START_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The endpoints promise to end within a second.
const END_WITHIN: Duration = Duration::from_secs(5);
/// How often those who leave look whether others still use the endpoints.
const LOOK_FOR_OTHERS_EVERY: Duration = Duration::from_millis(500);
/// Lines of the endpoints' output that may wait: they print one.
const LINES: usize = 16;

/// Ports of the embedded endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(crate) struct Ports {
    /// Port of the embedded Kinesis endpoint.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_KINESIS_PORT)]
    pub(crate) kinesis_port: u16,
    /// Port of the embedded DynamoDB endpoint.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_DYNAMODB_PORT)]
    pub(crate) dynamodb_port: u16,
}

/// Shards of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(crate) struct Shards {
    /// Shards of the stream, if the endpoints are started.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=MOST_SHARDS))]
    shards: u32,
}

impl Shards {
    /// So many shards.
    pub(crate) const fn of(shards: u32) -> Self {
        Self { shards }
    }
}

/// Endpoints that answer.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) kinesis: String,
    pub(crate) dynamodb: String,
    /// Keeps the endpoints from ending under us.
    hold: Option<TcpStream>,
    own: Option<Child>,
    port: u16,
    /// What our own endpoints print.
    lines: Option<Receiver<Line<bool>>>,
}

/// What answers on a port.
enum Found {
    Ours { kinesis: String, dynamodb: String },
    Nothing,
    Other,
}

impl Endpoints {
    /// Joins the endpoints on these ports or starts them, with a stream of this many shards.
    pub(crate) fn join_or_start(binaries: &Binaries, ports: Ports, shards: Shards) -> Result<Self, Failure> {
        match find(ports.kinesis_port) {
            Found::Ours { kinesis, dynamodb } => {
                say(format!("using the embedded endpoints at {kinesis} and {dynamodb}"));
                let hold = Some(hold(ports.kinesis_port)?);
                Ok(Self { kinesis, dynamodb, hold, own: None, port: ports.kinesis_port, lines: None })
            }
            Found::Other => Err(taken(ports.kinesis_port)),
            Found::Nothing => Self::start(binaries, ports, shards),
        }
    }

    /// Starts endpoints of our own with further options, or says what has their ports.
    pub(crate) fn start_unless_running(
        binaries: &Binaries,
        ports: Ports,
        shards: Shards,
        options: Vec<String>,
    ) -> Result<Self, Failure> {
        match find(ports.kinesis_port) {
            Found::Ours { kinesis, dynamodb } => Err(Failure::Failed(format!(
                "our embedded endpoints already run at {kinesis} and {dynamodb}: use those, or choose other ports with --kinesis-port and --dynamodb-port"
            ))),
            Found::Other => Err(taken(ports.kinesis_port)),
            Found::Nothing => {
                let endpoints = Self::start_with(binaries, ports, shards, options)?;
                endpoints.say_started(shards);
                Ok(endpoints)
            }
        }
    }

    /// Starts endpoints of our own; port 0 is any free one.
    pub(crate) fn start(binaries: &Binaries, ports: Ports, shards: Shards) -> Result<Self, Failure> {
        let endpoints = Self::start_silently(binaries, ports, shards)?;
        endpoints.say_started(shards);
        Ok(endpoints)
    }

    /// The same, for one of many runs.
    pub(crate) fn start_silently(binaries: &Binaries, ports: Ports, shards: Shards) -> Result<Self, Failure> {
        let mut endpoints = Self::start_with(binaries, ports, shards, Vec::new())?;
        // Nobody looks at them, and nobody who does not look may keep them from being printed.
        endpoints.lines = None;
        Ok(endpoints)
    }

    fn start_with(
        binaries: &Binaries,
        ports: Ports,
        Shards { shards }: Shards,
        options: Vec<String>,
    ) -> Result<Self, Failure> {
        let mut args = options;
        args.extend([
            "--kinesis-port".to_owned(),
            ports.kinesis_port.to_string(),
            "--dynamodb-port".to_owned(),
            ports.dynamodb_port.to_string(),
            "--create-stream".to_owned(),
            format!("{STREAM}:{shards}"),
            "--stop-with-stdin".to_owned(),
        ]);
        let (sender, lines) = sync_channel(LINES);
        let command = binaries.command("kinesis-local", &args);
        let own = Child::start("kinesis-local", command, Output::Lines(sender, false, true))?;
        let (kinesis, dynamodb) = addresses(&lines)?;
        let port = kinesis.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(ports.kinesis_port);
        Ok(Self { kinesis, dynamodb, hold: None, own: Some(own), port, lines: Some(lines) })
    }

    fn say_started(&self, Shards { shards }: Shards) {
        let Self { kinesis, dynamodb, .. } = self;
        say(format!(
            "started embedded endpoints: Kinesis {kinesis}, DynamoDB {dynamodb}, stream '{STREAM}' of {shards} shards"
        ));
    }

    /// Ends our use. Endpoints that we started and that others still use are kept until those are done, or Ctrl-C.
    pub(crate) fn leave(mut self) -> Result<(), Failure> {
        self.hold = None;
        let Some(own) = &mut self.own else { return Ok(()) };
        wait_for_others(own, self.port)?;
        own.stop_within(END_WITHIN).map(|_| ())
    }

    /// How our own endpoints ended, if they have.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.own.as_mut().map_or(Ok(None), Child::ended)
    }

    /// Waits until Ctrl-C ends the endpoints, which it does when nobody else uses them any more, or a second one; an end by
    /// itself is a failure.
    pub(crate) fn wait(mut self) -> Result<(), Failure> {
        let Some(own) = &mut self.own else { return Ok(()) };
        while interrupt::check().is_ok() {
            if let Some(status) = own.ended()? {
                return Err(Failure::Failed(format!("the embedded endpoints ended by themselves with {status}")));
            }
            for line in self.lines.iter().flat_map(Receiver::try_iter).filter(|line| line.source) {
                say(line.text);
            }
            pause();
        }
        self.lines = None;
        wait_for_others(own, self.port)?;
        if own.stop_within(END_WITHIN)?.success() { Ok(()) } else { Err(Failure::Interrupted) }
    }

    /// Keeps a program on these endpoints: fixed credentials, and nothing that could make the SDK look for others.
    pub(crate) fn confine(command: &mut Command) {
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN").envs(Self::environment());
    }

    /// The environment variables with which any client reaches these endpoints and nothing else.
    pub(crate) fn environment() -> [(&'static str, &'static str); 5] {
        [
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    }
}

/// Waits until nobody else uses the endpoints, or for a signal. Those that came before ended our own use and say nothing
/// about that of others.
fn wait_for_others(own: &mut Child, port: u16) -> Result<(), Failure> {
    let before = interrupt::count();
    let mut said = None;
    while interrupt::count() == before && own.ended()?.is_none() {
        let holders = holders(port);
        if holders == Some(0) {
            break;
        }
        if said != Some(holders) {
            say(format!("{} (Ctrl-C ends them now)", why_kept(holders)));
            said = Some(holders);
        }
        let next_look = now() + LOOK_FOR_OTHERS_EVERY;
        while interrupt::count() == before && now() < next_look {
            pause();
        }
    }
    Ok(())
}

/// Why the endpoints go on, with so many others who use them.
fn why_kept(holders: Option<u32>) -> String {
    match holders {
        Some(1) => "another command still uses the embedded endpoints: keeping them until it ends".to_owned(),
        Some(holders) => {
            format!("{holders} other commands still use the embedded endpoints: keeping them until the last one ends")
        }
        None => "the embedded endpoints do not say whether another command uses them: keeping them".to_owned(),
    }
}

/// The message for a port that something else has.
fn taken(port: u16) -> Failure {
    Failure::Failed(format!(
        "port {port} is taken by another program: stop it, or choose others with --kinesis-port and --dynamodb-port"
    ))
}

fn addresses(lines: &Receiver<Line<bool>>) -> Result<(String, String), Failure> {
    let deadline = now() + START_WITHIN;
    let mut complaints = Vec::new();
    while now() < deadline {
        interrupt::check()?;
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(Line { source: false, text }) => {
                if let Some((kinesis, dynamodb)) = text.strip_prefix("ready ").and_then(parse_ready) {
                    // They started all the same.
                    complaints.into_iter().for_each(say);
                    return Ok((kinesis, dynamodb));
                }
            }
            Ok(Line { source: true, text }) => complaints.push(text),
            // Both outputs have ended, and with them the program.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    Err(Failure::Failed(if complaints.is_empty() {
        "the embedded endpoints did not start".to_owned()
    } else {
        complaints.join("\n")
    }))
}

fn parse_ready(text: &str) -> Option<(String, String)> {
    let (kinesis, dynamodb) = text.split_once(' ')?;
    Some((kinesis.strip_prefix("kinesis=")?.to_owned(), dynamodb.strip_prefix("dynamodb=")?.to_owned()))
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    Ok(stream)
}

fn ask(stream: &mut TcpStream, path: &str) -> std::io::Result<()> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn health(port: u16) -> std::io::Result<String> {
    let mut stream = connect(port)?;
    ask(&mut stream, "/_local/health")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn find(port: u16) -> Found {
    if connect(port).is_err() {
        return Found::Nothing;
    }
    let answer = health(port).unwrap_or_default();
    match (field(&answer, "service"), field(&answer, "kinesis"), field(&answer, "dynamodb")) {
        (Some("kinesis-local"), Some(kinesis), Some(dynamodb)) => {
            Found::Ours { kinesis: kinesis.to_owned(), dynamodb: dynamodb.to_owned() }
        }
        _ => Found::Other,
    }
}

/// Opens a connection that counts as a user of the endpoints for as long as it is open.
fn hold(port: u16) -> Result<TcpStream, Failure> {
    let open = || {
        let mut stream = connect(port)?;
        ask(&mut stream, "/_local/hold")?;
        Ok::<_, std::io::Error>(stream)
    };
    open().map_err(|error| Failure::of("cannot use the embedded endpoints", error))
}

/// How many use the endpoints; `None` when they do not say.
fn holders(port: u16) -> Option<u32> {
    number(&health(port).ok()?, "holders")
}

/// A number field of a flat JSON object.
fn number(json: &str, name: &str) -> Option<u32> {
    let (_, rest) = json.split_once(&format!("\"{name}\":"))?;
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// A text field of a flat JSON object.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_ready_names_both_addresses() {
        let line = "kinesis=http://127.0.0.1:1 dynamodb=http://127.0.0.1:2";
        assert_eq!(parse_ready(line), Some(("http://127.0.0.1:1".into(), "http://127.0.0.1:2".into())));
        assert_eq!(parse_ready("something else"), None);
    }

    #[test]
    fn fields_are_read_from_the_health_answer() {
        assert!(why_kept(Some(1)).starts_with("another command"));
        assert!(why_kept(Some(3)).starts_with("3 other commands"));
        let answer = r#"HTTP/1.1 200 OK {"service":"kinesis-local","kinesis":"http://127.0.0.1:1","holders":3}"#;
        assert_eq!(field(answer, "service"), Some("kinesis-local"));
        assert_eq!(field(answer, "dynamodb"), None);
        assert_eq!(number(answer, "holders"), Some(3));
        assert_eq!(number("HTTP/1.1 503 Service Unavailable", "holders"), None, "not the same as nobody");
    }
}
