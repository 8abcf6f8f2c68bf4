//! NATS between machines: which agents there are, taking them on for a run, and carrying packets.
//!
//! Subjects, of a pool and a run:
//!
//! ```text
//! sio-load.POOL.roll                 a coordinator asks who is there; each agent replies
//! sio-load.POOL.agent.ID             a coordinator takes an agent on; it replies whether it is free
//! sio-load.POOL.run.RUN.N.worker     packets to the run's worker N
//! sio-load.POOL.run.RUN.N.coordinator    packets from it
//! ```

use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Subject, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::carrier::{Carrier, Inside};
use super::message::{Hello, decode, encode};
use super::packet::Packet;
use crate::clock;

/// How long a coordinator collects the answers of agents.
const ROLL_CALL: Duration = Duration::from_secs(2);

/// How long one agent may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How long the first connection to NATS may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How to reach NATS.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// `nats://` or `tls://`; several servers of one cluster are separated by commas.
    pub url: String,
    /// Agents of other pools are not seen.
    pub pool: String,
    /// A credentials file of NATS (JWT and seed).
    pub credentials: Option<PathBuf>,
    /// Certificates of the authorities to trust, in PEM.
    pub ca: Option<PathBuf>,
    /// A client certificate and its key, in PEM.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

/// Why NATS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// No connection.
    #[error("cannot connect to NATS at {url}")]
    Connect {
        /// The URL, without credentials.
        url: String,
        /// What the NATS client says.
        #[source]
        source: async_nats::ConnectError,
    },
    /// The credentials file cannot be read.
    #[error("cannot read the NATS credentials {}", file.display())]
    Credentials {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The server refused a subscription or message.
    #[error("NATS does not take messages on {subject}: {why}")]
    Refused {
        /// The subject.
        subject: String,
        /// What the NATS client says.
        why: String,
    },
    /// A pool is part of subjects.
    #[error("a pool is named with letters, digits, - and _, not {pool:?}")]
    Pool {
        /// The name as given.
        pool: String,
    },
}

/// An agent, as it answers a roll call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AgentInfo {
    /// Unique for the life of the agent.
    pub(crate) id: String,
    /// For people: the machine's name, or one that the user chose.
    pub(crate) name: String,
    /// Release and limits.
    pub(crate) hello: Hello,
    /// Whether it works for a run.
    pub(crate) is_busy: bool,
}

/// A coordinator takes an agent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hire {
    /// The run's own word in subjects.
    pub(crate) run: String,
    /// The agent's place in the run, from 0.
    pub(crate) place: u32,
}

/// The answer to [`Hire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hired {
    /// It works for this run now.
    Yes,
    /// It works for another one.
    Busy,
}

/// A connection to NATS, for one pool.
#[derive(Debug, Clone)]
pub(crate) struct Nats {
    client: Client,
    pool: String,
    is_up: watch::Receiver<bool>,
}

/// Messages that ask an agent for something.
pub(crate) struct Requests {
    roll: Subscriber,
    hires: Subscriber,
}

/// Something that an agent is asked for.
pub(crate) enum Request {
    /// Who is there?
    Roll(Option<Subject>),
    /// Work for this run.
    Hire(Hire, Option<Subject>),
}

impl Nats {
    /// Connects; afterwards the connection is made again whenever it breaks.
    ///
    /// # Errors
    /// If the server cannot be reached within 10 s, or turns the client away.
    pub(crate) async fn connect(options: &NatsOptions) -> Result<Self, NatsError> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if options.pool.is_empty() || !options.pool.chars().all(is_word) {
            return Err(NatsError::Pool {
                pool: options.pool.clone(),
            });
        }
        let (up, is_up) = watch::channel(true);
        let up = std::sync::Arc::new(up);
        let mut connect = ConnectOptions::new()
            .name("sio-load")
            .connection_timeout(CONNECT_LIMIT)
            // Whatever waits here is repeated by the link above.
            .client_capacity(256)
            .event_callback(move |event| {
                let up = std::sync::Arc::clone(&up);
                async move { note(&up, &event) }
            });
        if let Some(file) = &options.credentials {
            let read = connect.credentials_file(file).await;
            connect = read.map_err(|source| NatsError::Credentials {
                file: file.clone(),
                source,
            })?;
        }
        if let Some(ca) = &options.ca {
            connect = connect.add_root_certificates(ca.clone()).require_tls(true);
        }
        if let Some((certificate, key)) = &options.client_certificate {
            connect = connect.add_client_certificate(certificate.clone(), key.clone());
        }
        let servers: Vec<&str> = options.url.split(',').map(str::trim).collect();
        let connected = connect.connect(servers).await;
        let client = connected.map_err(|source| NatsError::Connect {
            url: without_credentials(&options.url),
            source,
        })?;
        Ok(Self {
            client,
            pool: options.pool.clone(),
            is_up,
        })
    }

    /// Asks who is there, and collects the answers of two seconds.
    ///
    /// # Errors
    /// If NATS does not take the question.
    pub(crate) async fn call_roll(&self) -> Result<Vec<AgentInfo>, NatsError> {
        let subject = self.subject("roll");
        let inbox = self.client.new_inbox();
        let mut answers = self.subscribe(inbox.clone()).await?;
        let asked = self
            .client
            .publish_with_reply(subject.clone(), inbox, Bytes::new())
            .await;
        asked.map_err(|error| refused(&subject, &error))?;
        let mut agents = Vec::new();
        let until = (clock::now() + ROLL_CALL).into();
        while let Ok(Some(answer)) = tokio::time::timeout_at(until, answers.next()).await {
            // Without anybody listening NATS answers by itself, with nothing.
            agents.extend(decode::<AgentInfo>(&answer.payload).ok());
        }
        agents.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(agents)
    }

    /// Takes an agent on; false if it is busy or does not answer.
    pub(crate) async fn hire(&self, agent: &AgentInfo, hire: &Hire) -> bool {
        let subject = self.subject(&format!("agent.{}", agent.id));
        let asked = self.client.request(subject, encode(hire));
        let answer = tokio::time::timeout(ANSWER_LIMIT, asked).await;
        let Ok(Ok(answer)) = answer else { return false };
        matches!(decode(&answer.payload), Ok(Hired::Yes))
    }

    /// Starts to listen as an agent.
    ///
    /// # Errors
    /// If NATS does not allow it.
    pub(crate) async fn listen(&self, id: &str) -> Result<Requests, NatsError> {
        Ok(Requests {
            roll: self.subscribe(self.subject("roll")).await?,
            hires: self.subscribe(self.subject(&format!("agent.{id}"))).await?,
        })
    }

    /// Answers a request; whoever asked may be gone.
    pub(crate) async fn answer(&self, to: Option<Subject>, answer: &impl Serialize) {
        if let Some(to) = to {
            let _ = self.client.publish(to, encode(answer)).await;
            let _ = self.client.flush().await;
        }
    }

    /// The coordinator's end of the way to a run's worker.
    ///
    /// # Errors
    /// If NATS does not allow it.
    pub(crate) async fn to_worker(&self, hire: &Hire) -> Result<Carrier, NatsError> {
        let [worker, coordinator] = self.ends(hire);
        self.carry(coordinator, worker).await
    }

    /// The worker's end.
    ///
    /// # Errors
    /// If NATS does not allow it.
    pub(crate) async fn to_coordinator(&self, hire: &Hire) -> Result<Carrier, NatsError> {
        let [worker, coordinator] = self.ends(hire);
        self.carry(worker, coordinator).await
    }

    fn ends(&self, hire: &Hire) -> [String; 2] {
        let way = |end| self.subject(&format!("run.{}.{}.{end}", hire.run, hire.place));
        [way("worker"), way("coordinator")]
    }

    async fn carry(&self, from: String, to: String) -> Result<Carrier, NatsError> {
        let mut subscriber = self.subscribe(from).await?;
        let (carrier, Inside { mut to_write, read }) = Carrier::new(self.is_up.clone());
        let (client, is_up) = (self.client.clone(), self.is_up.clone());
        tokio::task::spawn_local(async move {
            while let Some(packet) = to_write.recv().await {
                // What is dropped here is repeated when the way is there again.
                if *is_up.borrow() {
                    let _ = client.publish(to.clone(), packet.encode()).await;
                }
            }
            let _ = client.flush().await;
        });
        tokio::task::spawn_local(async move {
            while let Some(message) = subscriber.next().await {
                let Ok(packet) = Packet::decode(message.payload) else {
                    continue;
                };
                if read.send(packet).await.is_err() {
                    break;
                }
            }
        });
        Ok(carrier)
    }

    async fn subscribe(&self, subject: String) -> Result<Subscriber, NatsError> {
        let subscribed = self.client.subscribe(subject.clone()).await;
        let subscriber = subscribed.map_err(|error| refused(&subject, &error))?;
        // What is asked from now on must find the subscription in force.
        let flushed = self.client.flush().await;
        flushed.map_err(|error| refused(&subject, &error))?;
        Ok(subscriber)
    }

    fn subject(&self, rest: &str) -> String {
        format!("sio-load.{}.{rest}", self.pool)
    }
}

impl Requests {
    /// Waits for the next request; `None` once the connection is over for good. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Request> {
        loop {
            let (message, is_roll) = tokio::select! {
                message = self.roll.next() => (message?, true),
                message = self.hires.next() => (message?, false),
            };
            if is_roll {
                return Some(Request::Roll(message.reply));
            }
            // What is not ours to understand is somebody else's mistake.
            if let Ok(hire) = decode(&message.payload) {
                return Some(Request::Hire(hire, message.reply));
            }
        }
    }
}

fn note(up: &watch::Sender<bool>, event: &Event) {
    match event {
        Event::Connected => {
            up.send_replace(true);
        }
        Event::Disconnected | Event::Closed => {
            up.send_replace(false);
        }
        Event::LameDuckMode
        | Event::Draining
        | Event::SlowConsumer(_)
        | Event::ServerError(_)
        | Event::ClientError(_) => {}
    }
}

fn refused(subject: &str, why: &dyn std::fmt::Display) -> NatsError {
    NatsError::Refused {
        subject: subject.to_owned(),
        why: why.to_string(),
    }
}

/// URLs as they may be shown.
fn without_credentials(urls: &str) -> String {
    let shown = urls.split(',').map(|url| {
        let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{host}")
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_are_not_shown() {
        for (given, shown) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("nats://user:p@ss@host:4222", "nats://host:4222"),
            ("tls://token@a:1,tls://token@b:2", "tls://a:1,tls://b:2"),
            ("localhost", "nats://localhost"),
        ] {
            assert_eq!(without_credentials(given), shown);
        }
    }
}
